// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Testing

@testable import ProxyProtocols

struct CIDRBlockTests {
    @Test(arguments: [
        ("10.0.0.0", 8, "10.255.0.1", true), ("10.0.0.0", 8, "11.0.0.0", false), ("0.0.0.0", 0, "9.9.9.9", true),
        ("1.2.3.4", 32, "1.2.3.4", true), ("1.2.3.4", 32, "1.2.3.5", false), ("1.2.3.99", 24, "1.2.3.4", true),
        ("2001:db8::", 32, "2001:db8:ffff::1", true), ("2001:db8::", 32, "2001:db9::", false),
        ("2001:db8::", 64, "2001:db8::1:0:0:1", true), ("2001:db8::8", 125, "2001:db8::f", true),
        ("2001:db8::8", 125, "2001:db8::10", false), ("::", 0, "2001::", true), ("::1", 128, "::1", true),
        ("::1", 128, "::2", false), ("::", 0, "1.2.3.4", false), ("0.0.0.0", 0, "::1", false),
    ])
    func contains(network: String, bits: Int, address: String, expected: Bool) throws {
        let address = try #require(IPAddress(address))
        let network = try #require(IPAddress(network))
        let block = try #require(CIDRBlock(network, bits: bits))
        #expect(block.contains(address) == expected)
    }

    @Test func aPrefixLongerThanTheAddressIsRefused() {
        #expect(CIDRBlock(.anyV4, bits: 33) == nil)
        #expect(CIDRBlock(.anyV6, bits: 129) == nil)
        #expect(CIDRBlock(.anyV4, bits: -1) == nil)
    }

    @Test func everyBlockOfTheTableIsWellFormed() {
        #expect(CIDRBlock.notPublic.count == 24)
    }
}
