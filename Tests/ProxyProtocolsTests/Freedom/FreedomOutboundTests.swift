// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import ProxyModel
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyProtocols

struct FreedomOutboundTests {
    private func outbound(_ change: (inout Xray_Proxy_Freedom_Config) -> Void = { _ in }) throws -> FreedomOutbound {
        var config = Xray_Proxy_Freedom_Config()
        change(&config)
        return try FreedomOutbound(config)
    }

    private func plan(_ outbound: FreedomOutbound, _ session: Session) throws -> DialPlan {
        guard case .dial(let plan) = outbound.stream(for: session) else { throw Missing() }
        return plan
    }

    private struct Missing: Error {}

    @Test func aLocalUserReachesEverything() throws {
        let plan = try plan(outbound(), session(to: "127.0.0.1"))
        #expect("\(plan.target)" == "tcp:127.0.0.1:80")
        #expect(plan.admits == nil)
        #expect(plan.resolution == .asIs)
    }

    @Test(arguments: [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.31.255.255", "100.64.0.1", "169.254.169.254", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1",
    ])
    func aRemoteUserDoesNotReachAddressesThatAreNotPublic(address: String) throws {
        guard case .refuse(let reason) = try outbound().stream(for: session(to: address, fromRemoteUser: true)) else {
            Issue.record("dialled")
            return
        }
        #expect(reason.contains("blocked by finalRules"))
        // The same address behind a name.
        let admits = try plan(outbound(), session(fromRemoteUser: true)).admits
        #expect(try admits?(#require(IPAddress(address)), 80) == false)
    }

    @Test(arguments: ["1.1.1.1", "172.32.0.1", "8.8.8.8", "100.128.0.1", "2606:4700::1111", "223.255.255.255"])
    func aRemoteUserReachesPublicAddresses(address: String) throws {
        let plan = try plan(outbound(), session(to: address, fromRemoteUser: true))
        #expect(try plan.admits?(#require(IPAddress(address)), 80) == true)
    }

    @Test func aRuleThatAllowsEverythingLiftsTheDefault() throws {
        let outbound = try outbound { $0.finalRules = [.init()] }
        #expect(try plan(outbound, session(to: "127.0.0.1", fromRemoteUser: true)).admits == nil)
    }

    @Test func theFirstRuleThatFitsDecides() throws {
        let outbound = try outbound {
            var block = Xray_Proxy_Freedom_FinalRuleConfig()
            block.action = .block
            block.networks = [.tcp]
            block.portList.range = [
                .with {
                    $0.from = 25; $0.to = 26
                }
            ]
            var allow = Xray_Proxy_Freedom_FinalRuleConfig()
            allow.ip = [
                .with {
                    $0.custom.cidr.ip = Data([10, 0, 0, 0]); $0.custom.cidr.prefix = 8
                }
            ]
            $0.finalRules = [block, allow]
        }
        let admits = try #require(plan(outbound, session(fromRemoteUser: true)).admits)
        #expect(try !admits(#require(IPAddress("10.0.0.1")), 25))
        #expect(try admits(#require(IPAddress("10.0.0.1")), 27))
        #expect(try !admits(#require(IPAddress("192.168.0.1")), 27))
        #expect(try admits(#require(IPAddress("1.1.1.1")), 27))
        guard case .socket(let packets) = outbound.packets(for: session(network: .udp)) else {
            Issue.record("no socket")
            return
        }
        #expect(try packets.admits?(#require(IPAddress("10.0.0.1")), 25) == true)
    }

    @Test func negatedBlocksHoldForTheirFamilyOnly() throws {
        let condition = try AddressCondition([
            .with {
                $0.custom.cidr.ip = Data([10, 0, 0, 0])
                $0.custom.cidr.prefix = 8
                $0.custom.reverseMatch = true
            }
        ])
        #expect(try condition.holds(for: #require(IPAddress("11.0.0.1"))))
        #expect(try !condition.holds(for: #require(IPAddress("10.0.0.1"))))
        #expect(try !condition.holds(for: #require(IPAddress("2001:db8::1"))))
    }

    @Test func theTargetMayBeReplaced() throws {
        let outbound = try outbound {
            $0.destinationOverride.server.address.domain = "b.example"
            $0.destinationOverride.server.port = 90
        }
        #expect(try "\(plan(outbound, session()).target)" == "tcp:b.example:90")
        guard case .socket(let packets) = outbound.packets(for: session(network: .udp)) else {
            Issue.record("no socket")
            return
        }
        #expect(packets.redirect.map { "\($0(session(network: .udp).target))" } == "udp:b.example:90")
    }

    @Test func theUnspecifiedAddressReplacesOnlyThePort() throws {
        let outbound = try outbound {
            $0.destinationOverride.server.address.ip = Data([0, 0, 0, 0])
            $0.destinationOverride.server.port = 90
        }
        #expect(try "\(plan(outbound, session()).target)" == "tcp:a.example:90")
    }

    @Test(arguments: [
        (Xray_Transport_Internet_DomainStrategy.asIs, DomainResolution.asIs), (.useIp, .asIs), (.useIp4, .only4),
        (.forceIp6, .only6), (.useIp46, .prefer4), (.forceIp64, .prefer6),
    ])
    func strategiesChooseTheFamily(strategy: Xray_Transport_Internet_DomainStrategy, resolution: DomainResolution)
        throws
    {
        let outbound = try outbound { $0.domainStrategy = strategy }
        #expect(try plan(outbound, session()).resolution == resolution)
    }

    @Test(arguments: [1, 2]) func theClientsAddressIsToldWhereThatIsAskedFor(version: Int) throws {
        let session = session(to: "127.0.0.1")
        #expect(try plan(outbound(), session).proxyHeader == nil)
        let told = try plan(outbound { $0.proxyProtocol = UInt32(version) }, session).proxyHeader
        #expect(told == DialPlan.ProxyHeader(version: version, source: session.source))
    }

    @Test func settingsThatAreNotThereAreRefusedByName() {
        #expect(throws: ControlError("proxy/freedom: not available in this build: fragment")) {
            try outbound { $0.fragment = .init() }
        }
        #expect(throws: ControlError("proxy/freedom: not available in this build: noises")) {
            try outbound { $0.noises = [.init()] }
        }
        #expect(throws: ControlError("proxy/freedom: invalid PROXY protocol version, 3 (known: 0, 1, 2)")) {
            try outbound { $0.proxyProtocol = 3 }
        }
        #expect(throws: ControlError("proxy/freedom: not available in this build: geoip:CN in finalRules")) {
            try outbound {
                $0.finalRules = [.with { $0.ip = [.with { $0.geoip.code = "CN" }] }]
            }
        }
    }
}
