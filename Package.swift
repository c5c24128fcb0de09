// swift-tools-version: 6.1
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let collections = Target.Dependency.product(name: "Collections", package: "swift-collections")

func swiftTarget(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func swiftTests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

let fuzzed: [Target.Dependency] = [
    "Automation", "ControlAPI", "GRPCWire", "JSONText", "LuaRuntime", "ProxyConfig", "ProxyCore", "ProxyModel",
    "ProxyProtocols", "Routing", "Sniffing", "Telemetry", "XrayProtos", protobuf, nioCore, nioEmbedded,
]

/// The fuzz targets see what is inside of modules, as tests do, and a release has nothing for those. So they are a part of the tests,
/// and a program of their own, under libFuzzer, for `.ci/fuzz` alone.
let fuzzing: [Target] =
    if Context.environment["TIDEGATE_BUILDS_FUZZER"] == nil {
        [
            .testTarget(
                name: "FuzzTargetsTests", dependencies: fuzzed, path: "Tests/Fuzz", exclude: ["Runner"],
                sources: ["Targets", "Tests"], swiftSettings: settings)
        ]
    } else {
        [
            .target(name: "FuzzTargets", dependencies: fuzzed, path: "Tests/Fuzz/Targets", swiftSettings: settings),
            .executableTarget(
                name: "tidegate-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Runner", swiftSettings: settings
            ),
        ]
    }

let package = Package(
    name: "tidegate",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "tidegate", targets: ["tidegate"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Not the next minor version unseen: AEADCipher and PinnedServer call the BoringSSL inside, which is no product of the package.
        .package(url: "https://github.com/apple/swift-crypto", .upToNextMinor(from: "4.5.2")),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(name: "tidegate", dependencies: ["Commands"], swiftSettings: settings),
        swiftTarget(
            "Commands",
            [
                "Automation", "CLineEditor", "ScriptAPI", "ControlServer", "ControlAPI", "GRPCWire", "JSONText",
                "ProxyConfig",
                "ProxyCore",
                "ProxyModel", "ProxyProtocols", "Routing", "Telemetry", "XrayProtos", argumentParser, nioCore, nioPosix,
                protobuf,
                unixSignals,
            ]),
        swiftTarget(
            "Automation",
            [
                "LuaRuntime", "ControlAPI", "JSONText", "Telemetry", "ProxyModel", "XrayProtos", asyncHTTPClient,
                crypto, grdb,
                protobuf,
                nioCore, nioHTTP1,
            ]),
        swiftTarget(
            "ScriptAPI",
            ["Automation", "ControlAPI", "GRPCWire", "LuaRuntime", "ProxyModel", "XrayProtos", protobuf, nioCore]),
        swiftTarget(
            "ControlServer",
            ["ControlAPI", "GRPCWire", "ProxyModel", "XrayProtos", protobuf, nioCore, nioPosix],
            exclude: ["DIFFERENCES.md"]),
        swiftTarget(
            "ProxyProtocols",
            ["ControlAPI", "ProxyCore", "ProxyModel", "Routing", "XrayProtos", crypto, protobuf, nioCore]),
        swiftTarget(
            "ProxyCore",
            [
                "ControlAPI", "GRPCWire", "ProxyModel", "Routing", "Sniffing", "Telemetry", "XrayProtos", protobuf,
                crypto, nioCore, nioPosix, nioSSL, nioTLS,
            ]),
        swiftTarget("Sniffing", [crypto, cryptoExtras, nioCore]),
        swiftTarget("Routing", ["ProxyModel", "Telemetry", "XrayProtos", protobuf]),
        swiftTarget("ControlAPI", ["GRPCWire", "ProxyModel", "XrayProtos", protobuf, nioCore]),
        swiftTarget("ProxyConfig", ["ProxyModel", "XrayProtos", "JSONText", protobuf, crypto]),
        swiftTarget("Telemetry", ["ProxyModel"]),
        swiftTarget("JSONText", []),
        swiftTarget("XrayProtos", ["JSONText", protobuf], exclude: ["Protos", "Generated/HASH"]),
        swiftTarget("GRPCWire", ["CNGHTTP2", nioCore, nioPosix, collections]),
        swiftTarget("LuaRuntime", ["CLua"]),
        swiftTarget("ProxyModel", [crypto]),
        .target(name: "CLineEditor", linkerSettings: [.linkedLibrary("edit")]),
        .target(name: "CLua", linkerSettings: [.linkedLibrary("lua5.4")]),
        .target(name: "CNGHTTP2", linkerSettings: [.linkedLibrary("nghttp2"), .linkedLibrary("z")]),

        .target(name: "CSpawn", path: "Tests/CSpawn"),
        .target(name: "TestSupport", dependencies: ["CSpawn"], path: "Tests/TestSupport", swiftSettings: settings),
        swiftTests(
            "AutomationTests",
            [
                "Automation", "LuaRuntime", "ControlAPI", "ProxyConfig", "ProxyModel", "Telemetry", "TestSupport",
                "XrayProtos",
                protobuf, nioCore, nioPosix, nioHTTP1,
            ]),
        swiftTests("CommandsTests", ["tidegate", "TestSupport"]),
        swiftTests("ControlAPITests", ["ControlAPI", "GRPCWire", "XrayProtos", protobuf, nioCore, nioPosix]),
        swiftTests(
            "ControlServerTests",
            ["ControlServer", "ControlAPI", "GRPCWire", "XrayProtos", protobuf, nioCore, nioPosix]),
        swiftTests(
            "ScriptAPITests",
            [
                "ScriptAPI", "Automation", "ControlServer", "ControlAPI", "GRPCWire", "ProxyCore", "ProxyModel",
                "ProxyProtocols", "Routing", "Telemetry", "TestSupport", "XrayProtos", protobuf, nioCore, nioPosix,
            ]),
        swiftTests("GRPCWireTests", ["GRPCWire", nioCore, nioPosix, nioEmbedded]),
        swiftTests("LuaRuntimeTests", ["LuaRuntime"]),
        swiftTests("JSONTextTests", ["JSONText"]),
        swiftTests("ProxyConfigTests", ["ProxyConfig", "JSONText", "ProxyModel", "XrayProtos", protobuf]),
        swiftTests(
            "ProxyCoreTests",
            [
                "ProxyCore", "ProxyProtocols", "ControlAPI", "GRPCWire", "Routing", "Telemetry", "ProxyModel",
                "XrayProtos", "TestSupport", protobuf, nioCore, nioPosix, nioEmbedded,
            ]),
        swiftTests(
            "ProxyProtocolsTests",
            [
                "ProxyProtocols", "ProxyCore", "ControlAPI", "Routing", "Telemetry", "ProxyModel", "XrayProtos",
                protobuf,
                nioCore, nioPosix, nioEmbedded,
            ]),
        swiftTests("RoutingTests", ["Routing", "ProxyModel", "Telemetry", "XrayProtos", protobuf]),
        swiftTests("SniffingTests", ["Sniffing", "TestSupport", nioCore]),
        swiftTests("TelemetryTests", ["Telemetry", "ProxyModel"]),
        swiftTests("XrayProtosTests", ["XrayProtos", "TestSupport", protobuf]),
    ] + fuzzing
)
