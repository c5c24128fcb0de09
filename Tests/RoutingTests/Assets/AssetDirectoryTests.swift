// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Routing
import SwiftProtobuf
import Testing
import XrayProtos

/// A directory of its own for each test, removed with it.
private final class AssetFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("routing-\(UUID().uuidString)")
    var assets: AssetDirectory { AssetDirectory(directories: [url.path]) }

    init() throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: url.appendingPathComponent(name))
    }
}

struct AssetDirectoryTests {
    private static let addresses: [UInt8] = encoded(
        Xray_Common_Geodata_GeoIPList.with {
            $0.entry = [("AA", ["10.0.0.0/8", "fd00::/8"]), ("BB", ["192.0.2.0/24"])].map { code, blocks in
                .with {
                    $0.code = code
                    $0.cidr = blocks.map { cidr($0) }
                }
            }
        })

    private static let sites: [UInt8] = encoded(
        Xray_Common_Geodata_GeoSiteList.with {
            $0.entry = [
                .with { $0.code = "EMPTY" },
                .with {
                    $0.code = "SHOPS"
                    $0.domain = [
                        domain("shop.test", type: "domain"), domain("ads.shop.test", type: "full", attributes: ["ads"]),
                        domain("track", type: "keyword", attributes: ["ads", "x"]), domain("(", type: "regexp"),
                        domain("^r[0-9]$", type: "regexp"),
                    ]
                },
            ]
        })

    private static func encoded(_ message: some Message) -> [UInt8] {
        (try? message.serializedBytes()) ?? []
    }

    private func holds(
        _ folder: AssetFolder, _ context: RoutingContext, _ rule: (inout Xray_App_Router_RoutingRule) -> Void
    ) throws -> Bool {
        try Router([.to("out", rule)], assets: folder.assets).pick(context) != .none
    }

    private func refusal(_ folder: AssetFolder, _ rule: (inout Xray_App_Router_RoutingRule) -> Void) -> String? {
        do {
            _ = try Router([.to("out", rule)], assets: folder.assets)
            return nil
        } catch {
            return (error as? RoutingError)?.message ?? "\(error)"
        }
    }

    @Test func addressesOfACodeAreMatched() throws {
        let folder = try AssetFolder()
        try folder.write(Self.addresses, "geoip.dat")
        #expect(try holds(folder, .target("10.2.3.4")) { $0.ip = ips("geoip:AA") })
        #expect(try holds(folder, .target("fd00::1")) { $0.ip = ips("geoip:AA") })
        #expect(try !holds(folder, .target("192.0.2.1")) { $0.ip = ips("geoip:AA") })
        #expect(try holds(folder, .target("192.0.2.1")) { $0.ip = ips("geoip:AA", "geoip:BB") })
    }

    @Test func negatedCodesFormASetApartFromNegatedBlocks() throws {
        let folder = try AssetFolder()
        try folder.write(Self.addresses, "geoip.dat")
        #expect(try !holds(folder, .target("192.0.2.1")) { $0.ip = ips("!geoip:AA", "!geoip:BB") })
        #expect(try !holds(folder, .target("2001:db8::1")) { $0.ip = ips("!geoip:BB") })
        #expect(try holds(folder, .target("192.0.2.1")) { $0.ip = ips("!geoip:BB", "!10.0.0.0/8") })
    }

    @Test func domainsOfACodeAreMatched() throws {
        let folder = try AssetFolder()
        try folder.write(Self.sites, "geosite.dat")
        for name in ["shop.test", "a.shop.test", "mytracker.test", "r1"] {
            #expect(try holds(folder, .domain(name)) { $0.domain = domains("geosite:SHOPS") }, "\(name)")
        }
        #expect(try !holds(folder, .domain("r12")) { $0.domain = domains("geosite:SHOPS") })
        #expect(try !holds(folder, .domain("r1")) { $0.domain = domains("geosite:EMPTY") })
    }

    @Test func everyAttributeIsRequired() throws {
        let folder = try AssetFolder()
        try folder.write(Self.sites, "geosite.dat")
        #expect(try holds(folder, .domain("ads.shop.test")) { $0.domain = domains("geosite:SHOPS@ads") })
        #expect(try !holds(folder, .domain("shop.test")) { $0.domain = domains("geosite:SHOPS@ads") })
        #expect(try !holds(folder, .domain("ads.shop.test")) { $0.domain = domains("geosite:SHOPS@ads@x") })
        #expect(try holds(folder, .domain("track.test")) { $0.domain = domains("geosite:SHOPS@ads@x") })
    }

    @Test func missingFileAndCodeAreNamed() throws {
        let folder = try AssetFolder()
        let missing = refusal(folder) { $0.ip = ips("geoip:AA") }
        #expect(missing?.hasPrefix("common/geodata: failed to open geoip.dat > ") == true)
        try folder.write(Self.addresses, "geoip.dat")
        let unknown = refusal(folder) { $0.ip = ips("geoip:ZZ") }
        #expect(unknown?.hasPrefix("common/geodata: failed to load code ZZ from geoip.dat > ") == true)
        #expect(refusal(folder) { $0.ip = ips("geoip:") } != nil)
    }

    @Test(arguments: ["../geoip.dat", "/etc/passwd", "", ".", "a/../geoip.dat", "a\0b"])
    func pathsOutsideTheDirectoryAreRefused(file: String) throws {
        let folder = try AssetFolder()
        try folder.write(Self.addresses, "geoip.dat")
        var rules = ips("geoip:AA")
        rules[0].geoip.file = file
        #expect(refusal(folder) { $0.ip = rules } != nil)
    }

    @Test func laterDirectoriesAreSearchedToo() throws {
        let folder = try AssetFolder()
        try folder.write(Self.addresses, "geoip.dat")
        let assets = AssetDirectory(directories: ["/nonexistent", folder.url.path])
        let router = try Router([.to("out") { $0.ip = ips("geoip:BB") }], assets: assets)
        #expect(router.pick(.target("192.0.2.1")) != .none)
    }

    @Test func truncatedFilesAreRefusedAtEveryLength() throws {
        let folder = try AssetFolder()
        for length in 0..<Self.addresses.count {
            try folder.write(Array(Self.addresses.prefix(length)), "geoip.dat")
            #expect(refusal(folder) { $0.ip = ips("geoip:BB") } != nil, "\(length) bytes")
        }
    }

    @Test(
        arguments: [
            [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], [0x0a, 0x80], [0x12, 0x00],
            [0x0a, 0x00, 0x0a],
            [0x0a, 0x04, 0x0a, 0x02, 0x42], [0x0a, 0x06, 0x0a, 0x02, 0x42, 0x42, 0x12, 0x7f],
            Array(repeating: 0xff, count: 300), Array(repeating: 0x0a, count: 300),
        ] as [[UInt8]])
    func hostileFilesAreRefused(bytes: [UInt8]) throws {
        let folder = try AssetFolder()
        try folder.write(bytes, "geoip.dat")
        #expect(refusal(folder) { $0.ip = ips("geoip:BB") } != nil)
    }
}
