// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct DokodemoInboundTests {
    private func config(_ change: (inout Xray_Proxy_Dokodemo_Config) -> Void = { _ in }) -> Xray_Proxy_Dokodemo_Config {
        var config = Xray_Proxy_Dokodemo_Config()
        config.allowedNetworks = [.tcp, .udp]
        change(&config)
        return config
    }

    private func target(_ inbound: DokodemoInbound, _ local: Endpoint) -> HandshakeOutcome.Result {
        run(inbound.accept(AcceptedConnection(source: .unspecified, local: local)), []).result
    }

    @Test func theTargetIsKnownBeforeTheFirstByte() throws {
        let inbound = try DokodemoInbound(
            config {
                $0.rewriteAddress.ip = Data([127, 0, 0, 1])
                $0.rewritePort = 21900
            })
        let local = Endpoint(ip: .loopbackV4, port: 1000)
        #expect(target(inbound, local) == .stream(target: "tcp:127.0.0.1:21900", user: nil, header: "", route: 0))
        #expect(inbound.packetTarget(local: local, original: nil).map { "\($0)" } == "udp:127.0.0.1:21900")
    }

    @Test func withoutAnAddressItIsLoopbackOfTheListenersFamily() throws {
        let inbound = try DokodemoInbound(config())
        #expect(
            target(inbound, Endpoint(ip: .loopbackV4, port: 7))
                == .stream(target: "tcp:127.0.0.1:7", user: nil, header: "", route: 0))
        #expect(
            target(inbound, Endpoint(ip: .loopbackV6, port: 7))
                == .stream(target: "tcp:[::1]:7", user: nil, header: "", route: 0))
    }

    @Test(arguments: [
        ("a.example:90", "tcp:a.example:90"), (":90", "tcp:127.0.0.1:90"), ("a.example:", "tcp:a.example:1000"),
        ("[2001:db8::1]:90", "tcp:[2001:db8::1]:90"),
    ])
    func portMapReplacesEitherPart(mapping: String, expected: String) throws {
        let inbound = try DokodemoInbound(config { $0.portMap = ["1000": mapping] })
        #expect(
            target(inbound, Endpoint(ip: .loopbackV4, port: 1000))
                == .stream(target: expected, user: nil, header: "", route: 0))
    }

    @Test func datagramsAreTakenWhereTheyAreAllowed() throws {
        let inbound = try DokodemoInbound(config { $0.allowedNetworks = [.tcp] })
        #expect(inbound.networks == [.tcp])
        #expect(inbound.packetTarget(local: connection.local, original: nil) == nil)
    }

    @Test func redirectedConnectionGoesWhereItWasGoing() throws {
        func target(
            original: Endpoint? = nil, name: String = "",
            _ change: (inout Xray_Proxy_Dokodemo_Config) -> Void = { _ in }
        ) throws -> HandshakeOutcome.Result {
            let inbound = try DokodemoInbound(
                config {
                    $0.allowedNetworks = [.tcp]
                    $0.followRedirect = true
                    change(&$0)
                })
            let local = Endpoint(ip: .loopbackV4, port: 443)
            let accepted = AcceptedConnection(
                source: .unspecified, local: local, serverName: name, originalTarget: original)
            return run(inbound.accept(accepted), []).result
        }
        func stream(_ target: String) -> HandshakeOutcome.Result {
            .stream(target: target, user: nil, header: "", route: 0)
        }
        let original = Endpoint(ip: .v4(0xc000_0201), port: 8_443)
        #expect(try target(original: original, name: "a.example") == stream("tcp:192.0.2.1:8443"))
        #expect(try target(name: "a.example") == stream("tcp:a.example:443"))
        #expect(
            try target {
                $0.rewriteAddress.ip = Data([192, 0, 2, 9])
                $0.rewritePort = 9
            } == stream("tcp:192.0.2.9:9"))
        let refused = try target()
        guard case .reject = refused else {
            Issue.record("\(refused)")
            return
        }
    }

    @Test func redirectedDatagramGoesWhereItWasGoing() throws {
        func target(
            original: Endpoint?, _ change: (inout Xray_Proxy_Dokodemo_Config) -> Void = { _ in }
        ) throws -> String? {
            let inbound = try DokodemoInbound(
                config {
                    $0.followRedirect = true
                    change(&$0)
                })
            let local = Endpoint(ip: .anyV6, port: 12_345)
            return inbound.packetTarget(local: local, original: original).map { "\($0)" }
        }
        let original = Endpoint(ip: .v4(0xc000_0201), port: 53)
        #expect(try target(original: original) == "udp:192.0.2.1:53")
        #expect(try target(original: original) { $0.rewriteAddress.ip = Data([192, 0, 2, 9]) } == "udp:192.0.2.1:53")
        #expect(try target(original: nil) == nil, "a datagram that was not redirected has nowhere to go")
        #expect(
            try target(original: nil) { $0.rewriteAddress.ip = Data([192, 0, 2, 9]) } == "udp:192.0.2.9:12345")
    }

    @Test func settingsThatMakeNoSenseAreRefused() {
        let refused: [(Xray_Proxy_Dokodemo_Config, String)] = [
            (config { $0.allowedNetworks = [] }, "proxy/dokodemo: no network specified"),
            (config { $0.rewritePort = 65536 }, "proxy/dokodemo: invalid port: 65536"),
            (config { $0.portMap = ["x": "a:1"] }, "proxy/dokodemo: invalid port mapping: x -> a:1"),
            (config { $0.portMap = ["1": "a"] }, "proxy/dokodemo: invalid port mapping: 1 -> a"),
            (config { $0.portMap = ["1": "a::1"] }, "proxy/dokodemo: invalid port mapping: 1 -> a::1"),
            (
                config { $0.rewriteAddress.ip = Data([1, 2]) }, "common/net: Invalid IP address: 2 bytes"
            ),
        ]
        for (config, message) in refused {
            #expect(throws: ControlError(message)) { try DokodemoInbound(config) }
        }
    }
}
