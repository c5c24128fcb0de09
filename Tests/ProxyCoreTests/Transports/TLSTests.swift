// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyCore
import Synchronization
import TestSupport
import Testing
import XrayProtos

@testable import ProxyCore

@Suite(.serialized) struct TLSTests {
    private static func server(_ change: (inout StreamSettings.TLS) throws -> Void = { _ in }) throws
        -> StreamSettings.Config
    {
        try StreamSettings.tls {
            $0.certificate = [try StreamSettings.certificate("server")]
            try change(&$0)
        }
    }

    private static func works(
        server: StreamSettings.Config, client: StreamSettings.Config
    ) async throws -> Bool {
        let stage = try await HopStage(server: server, client: client)
        let works = try await stage.works()
        await stage.stop()
        return works
    }

    private static func client(_ change: (inout StreamSettings.TLS) throws -> Void) throws -> StreamSettings.Config {
        try StreamSettings.tls {
            $0.disableSystemRoot = true
            try change(&$0)
        }
    }

    private static func authority() throws -> [Xray_Transport_Internet_Tls_Certificate] {
        [try StreamSettings.certificate("authority", usage: .authorityVerify)]
    }

    @Test(arguments: [
        ("proxy.example", true), ("a.wild.example", true), ("127.0.0.1", true), ("b.a.wild.example", false),
        ("other.example", false),
    ])
    func serverIsProvenByItsNameAndAuthority(_ name: String, _ isRight: Bool) async throws {
        let client = try Self.client {
            $0.serverName = name
            $0.certificate = try Self.authority()
        }
        #expect(try await Self.works(server: Self.server(), client: client) == isRight)
    }

    @Test func serverOfAnUnknownAuthorityIsRefused() async throws {
        #expect(try await !Self.works(server: Self.server(), client: Self.client { $0.serverName = "proxy.example" }))
    }

    @Test(arguments: [("server", true), ("other", false)])
    func pinnedHashStandsForTheAuthority(_ name: String, _ isRight: Bool) async throws {
        let client = try Self.client {
            $0.serverName = "anything.example"
            $0.pinnedPeerCertSha256 = [try Self.hash(name)]
        }
        #expect(try await Self.works(server: Self.server(), client: client) == isRight)
    }

    private static func hash(_ name: String) throws -> Data {
        let digits = try TestCertificates.shared().fingerprint(name).compactMap(\.hexDigitValue)
        let hash = Data(stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
        #expect(hash.count == 32)
        return hash
    }

    @Test(
        arguments: [
            (["server", "authority"], "authority", "proxy.example", [], true),
            (["server", "authority"], "authority", "other.example", [], false),
            (["server", "authority"], "authority", "front.example", ["other.example", "proxy.example"], true),
            (["server", "other", "authority"], "authority", "proxy.example", [], true),
            // Not shown, not an authority, and not the one that signed.
            (["server"], "authority", "proxy.example", [], false),
            (["server", "other"], "other", "proxy.example", [], false),
            (["server", "stranger"], "stranger", "proxy.example", [], false),
            (["stranger", "authority"], "authority", "stranger", [], false),
        ] as [([String], String, String, [String], Bool)])
    func pinnedAuthorityOfTheShownChainHasToHaveSignedForTheName(
        _ chain: [String], _ pinned: String, _ name: String, _ names: [String], _ isRight: Bool
    ) async throws {
        let certificates = try TestCertificates.shared()
        let server = try StreamSettings.tls { tls in
            var certificate = Xray_Transport_Internet_Tls_Certificate()
            for part in chain {
                certificate.certificate += try Data(
                    contentsOf: certificates.folder.appendingPathComponent("\(part).pem"))
            }
            certificate.key = try Data(contentsOf: certificates.folder.appendingPathComponent("\(chain[0]).key"))
            tls.certificate = [certificate]
        }
        let client = try Self.client {
            $0.serverName = name
            $0.verifyPeerCertByName = names
            $0.pinnedPeerCertSha256 = [Data(repeating: 7, count: 32), try Self.hash(pinned)]
        }
        #expect(try await Self.works(server: server, client: client) == isRight)
    }

    @Test(arguments: [(["other.example", "proxy.example"], true), (["other.example"], false)])
    func namesToVerifyStandForTheOneInTheHello(_ names: [String], _ isRight: Bool) async throws {
        let client = try Self.client {
            $0.serverName = "front.example"
            $0.verifyPeerCertByName = names
            $0.certificate = try Self.authority()
        }
        #expect(try await Self.works(server: Self.server(), client: client) == isRight)
    }

    @Test func unknownNameIsRejectedWhereItIsAskedFor() async throws {
        let server = try Self.server { $0.rejectUnknownSni = true }
        for (name, isKnown) in [("proxy.example", true), ("x.wild.example", true), ("stranger.example", false)] {
            let stage = try await HopStage(
                server: server,
                client: Self.client {
                    $0.serverName = name
                    $0.verifyPeerCertByName = ["proxy.example"]
                    $0.certificate = try Self.authority()
                })
            #expect(try await stage.works() == isKnown)
            if isKnown {
                #expect(stage.server.core.rejectedHandshakes.isEmpty)
            } else {
                try await eventually {
                    stage.server.core.rejectedHandshakes.map(\.reason) == ["unknown TLS server name"]
                }
            }
            await stage.stop()
        }
    }

    @Test func versionsThatDoNotMeetFail() async throws {
        let client = try Self.client {
            $0.serverName = "proxy.example"
            $0.certificate = try Self.authority()
            $0.maxVersion = "1.2"
        }
        #expect(try await Self.works(server: Self.server(), client: client))
        #expect(try await !Self.works(server: Self.server { $0.minVersion = "1.3" }, client: client))
    }

    @Test func certificateIsPickedByName() throws {
        let plan = try TLSServerPlan(
            tlsConfig {
                $0.certificate = [try StreamSettings.certificate("server"), try StreamSettings.certificate("other")]
            },
            alpn: []
        ) { _ in }
        let first = plan.context(for: "proxy.example")
        #expect(first != nil)
        #expect(plan.context(for: "a.wild.example") === first)
        #expect(plan.context(for: "") === first)
        #expect(plan.context(for: "nobody.example") === first)
        let second = plan.context(for: "other.example")
        #expect(second != nil && second !== first)
    }

    @Test func changedFilesAreTakenIntoUseAndBrokenOnesAreNot() async throws {
        let certificates = try TestCertificates.shared()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("reload-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func install(_ name: String) throws {
            for (from, to) in [("\(name).key", "live.key"), ("\(name).pem", "live.pem")] {
                let bytes = try Data(contentsOf: certificates.folder.appendingPathComponent(from))
                try bytes.write(to: folder.appendingPathComponent(to), options: .atomic)
            }
        }
        try install("server")
        let reports = Mutex<[Bool]>([])
        var certificate = Xray_Transport_Internet_Tls_Certificate()
        certificate.certificatePath = folder.appendingPathComponent("live.pem").path
        certificate.keyPath = folder.appendingPathComponent("live.key").path
        let plan = try TLSServerPlan(
            tlsConfig {
                $0.certificate = [certificate]
                $0.rejectUnknownSni = true
            }, alpn: [], interval: .zero
        ) { result in
            reports.withLock { $0.append((try? result.get()) != nil) }
        }
        #expect(plan.context(for: "proxy.example") != nil)
        #expect(plan.context(for: "other.example") == nil)

        try install("other")
        try await eventually { plan.context(for: "other.example") != nil }
        #expect(plan.context(for: "proxy.example") == nil)
        #expect(reports.withLock { $0.last } == true)

        try Data("nonsense".utf8).write(to: folder.appendingPathComponent("live.pem"), options: .atomic)
        try await eventually {
            _ = plan.context(for: ""); return reports.withLock { $0.last } == false
        }
        #expect(plan.context(for: "other.example") != nil, "the old certificate stays at work")
    }

    @Test(arguments: [("client", true), ("server", true), ("stranger", false), (nil, false)] as [(String?, Bool)])
    func clientHasToShowACertificateOfTheInboundsAuthority(_ name: String?, _ isRight: Bool) async throws {
        let server = try Self.server { $0.certificate.append(contentsOf: try Self.authority()) }
        for version in ["1.2", "1.3"] {
            let client = try Self.client {
                $0.serverName = "proxy.example"
                $0.maxVersion = version
                $0.certificate = try Self.authority()
                if let name { $0.certificate.append(try StreamSettings.certificate(name)) }
            }
            let stage = try await HopStage(server: server, client: client)
            #expect(try await stage.works() == isRight)
            let reasons = isRight ? [] : ["TLS handshake failed"]
            try await eventually { stage.server.core.rejectedHandshakes.map(\.reason) == reasons }
            await stage.stop()
        }
    }

    @Test func changedFilesOfAnOutboundAreTakenIntoUse() async throws {
        let certificates = try TestCertificates.shared()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("reload-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func install(_ from: String, _ to: String) throws {
            let bytes = try Data(contentsOf: certificates.folder.appendingPathComponent(from))
            try bytes.write(to: folder.appendingPathComponent(to), options: .atomic)
        }
        for (from, to) in [("client.key", "live.key"), ("client.pem", "live.pem"), ("authority.pem", "ca.pem")] {
            try install(from, to)
        }
        var pair = Xray_Transport_Internet_Tls_Certificate()
        pair.certificatePath = folder.appendingPathComponent("live.pem").path
        pair.keyPath = folder.appendingPathComponent("live.key").path
        var authority = Xray_Transport_Internet_Tls_Certificate()
        authority.usage = .authorityVerify
        authority.certificatePath = folder.appendingPathComponent("ca.pem").path
        let reports = Mutex<[Bool]>([])
        let plan = try TLSClientPlan(tlsConfig { $0.certificate = [pair, authority] }, alpn: [], interval: .zero) {
            result in reports.withLock { $0.append((try? result.get()) != nil) }
        }
        var last = plan.currentContext
        #expect(plan.currentContext === last)
        try install("stranger.pem", "ca.pem")
        try await eventually { plan.currentContext !== last }
        last = plan.currentContext
        for (from, to) in [("other.key", "live.key"), ("other.pem", "live.pem")] { try install(from, to) }
        try await eventually { plan.currentContext !== last && reports.withLock { $0.last } == true }
        last = plan.currentContext
        try Data("nonsense".utf8).write(to: folder.appendingPathComponent("ca.pem"), options: .atomic)
        try await eventually {
            _ = plan.currentContext; return reports.withLock { $0.last } == false
        }
        #expect(plan.currentContext === last, "the old ones stay at work")
    }

    private func tlsConfig(_ change: (inout StreamSettings.TLS) throws -> Void) rethrows -> StreamSettings.TLS {
        var tls = StreamSettings.TLS()
        try change(&tls)
        return tls
    }

    @Test func certificateWithoutAlternativeNamesHasItsCommonName() throws {
        #expect(try KeyPair(StreamSettings.certificate("server")).names == ["proxy.example", "*.wild.example"])
        let text = try String(contentsOfFile: TestCertificates.shared().path("server.pem"), encoding: .utf8)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("-----") }
        let bytes = [UInt8](try #require(Data(base64Encoded: lines.joined())))
        #expect(CommonName.of(bytes) == "server")
        for count in 0..<bytes.count { #expect(CommonName.of(Array(bytes[..<count])) == nil) }
    }

    @Test(arguments: [
        "no certificate for the inbound", "usage issue", "encrypted client hello", "unsupported curve name: P-9",
        "invalid X509 key pair", "do not go together", "failed to append cert",
    ])
    func settingsThatCannotBeUsedAreRefusedByName(_ part: String) async throws {
        let stream = try StreamSettings.tls { tls in
            tls.certificate = [try StreamSettings.certificate("server")]
            switch part {
            case "no certificate for the inbound": tls.certificate = []
            case "usage issue": tls.certificate[0].usage = .authorityIssue
            case "encrypted client hello": tls.echServerKeys = Data([1])
            case "unsupported curve name: P-9": tls.curvePreferences = ["P-9"]
            case "failed to append cert":
                tls.certificate.append(try StreamSettings.certificate("authority", usage: .authorityVerify))
                tls.certificate[1].certificate = Data("nonsense".utf8)
            case "invalid X509 key pair": tls.certificate[0].certificate = Data("nonsense".utf8)
            default: tls.certificate[0].keyPath = try TestCertificates.shared().path("other.key")
            }
        }
        do {
            let stage = try await CoreStage {
                try $0.setInboundStream(stream)
            } settings: { _ in
                try ProxyHop.vless.inbound()
            }
            await stage.stop()
            Issue.record("accepted")
        } catch let error as CoreBuildError {
            #expect(error.message.contains(part), "\(error)")
            #expect(error.message.hasPrefix("app/proxyman/inbound: failed to parse stream config > "))
        }
    }
}
