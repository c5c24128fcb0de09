// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Testing
import XrayProtos

@testable import Routing

struct IPSetTests {
    private func network(_ address: [UInt8], _ prefix: UInt32) -> Xray_Common_Geodata_CIDR {
        var network = Xray_Common_Geodata_CIDR()
        network.ip = Data(address)
        network.prefix = prefix
        return network
    }

    private func network(_ text: String, _ prefix: UInt32) throws -> Xray_Common_Geodata_CIDR {
        network(try #require(IPAddress(text)).bytes, prefix)
    }

    @Test(arguments: [
        ("10.0.0.0", true), ("10.255.255.255", true), ("9.255.255.255", false), ("11.0.0.0", false),
        ("192.0.2.7", true), ("192.0.2.8", false), ("fd00::1", true), ("fdff:ffff::", true), ("fe00::", false),
        ("2001:db8:0:1:ffff::", true), ("2001:db8:0:2::", false), ("::", false),
    ])
    func containsWhatItsNetworksContain(_ text: String, _ expected: Bool) throws {
        let set = IPSet([
            try network("10.1.2.3", 8), try network("10.4.0.0", 16), try network("192.0.2.7", 32),
            try network("fd00::", 8), try network("2001:db8:0:1::", 64),
        ])
        #expect(set.contains(try #require(IPAddress(text))) == expected)
    }

    @Test
    func prefixZeroIsTheWholeFamily() throws {
        let set = IPSet([try network("1.2.3.4", 0)])
        #expect(set.contains(.anyV4) && set.contains(.v4(.max)))
        #expect(!set.contains(.anyV6) && !set.hasFamily(of: .anyV6) && set.hasFamily(of: .anyV4))
        let wide = IPSet([network(Array(repeating: 7, count: 16), 0)])
        #expect(wide.contains(.v6(high: .max, low: .max)) && wide.contains(.anyV6) && !wide.contains(.anyV4))
    }

    @Test(
        arguments: [([1, 2, 3], 8), ([], 0), ([1, 2, 3, 4], 33), (Array(repeating: 1, count: 16), 129)]
            as [([UInt8], UInt32)])
    func malformedNetworksAreLeftOut(_ bytes: [UInt8], _ prefix: UInt32) {
        #expect(!IPSet.isValid(network(bytes, prefix)))
        #expect(!IPSet([network(bytes, prefix)]).hasFamily(of: .anyV4))
    }

    @Test
    func agreesWithTestingEachNetwork() {
        var state: UInt64 = 7
        func random() -> UInt32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt32(truncatingIfNeeded: state >> 32)
        }
        for _ in 0..<50 {
            let blocks = (0..<20).map { _ in (random() & 0x0fff_ffff, 8 + random() % 25) }
            let set = IPSet(
                blocks.map { base, prefix in network(IPAddress.v4(base).bytes, prefix) })
            for _ in 0..<100 {
                let ip = random() & 0x0fff_ffff
                let expected = blocks.contains { base, prefix in (ip ^ base) >> (32 - prefix) == 0 }
                #expect(set.contains(.v4(ip)) == expected)
            }
        }
    }
}
