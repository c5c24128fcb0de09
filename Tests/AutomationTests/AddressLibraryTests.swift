// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Automation

struct AddressLibraryTests {
    @Test(arguments: [
        ("10.1.2.3", "10.0.0.0/8", true), ("11.0.0.0", "10.0.0.0/8", false), ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.8", "192.0.2.7", false), ("192.0.2.129", "192.0.2.128/25", true),
        ("192.0.2.127", "192.0.2.128/25", false),
        ("1.2.3.4", "0.0.0.0/0", true), ("2001:db8::1", "2001:db8::/32", true), ("2001:db9::1", "2001:db8::/32", false),
        ("2001:db8::1", "0.0.0.0/0", false), ("::ffff:10.0.0.1", "10.0.0.0/8", true),
    ])
    func addressesAreFoundInTheirNetworks(address: String, network: String, isWithin: Bool) async throws {
        let lines = try await ScriptBench().run("log.info(ip.within('\(address)', '\(network)'))")
        #expect(lines == ["[Info] script/chunk: \(isWithin)"])
    }

    @Test(arguments: ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "x/8", "", "2001:db8::/129"])
    func networksThatAreNoneAreRefused(network: String) async throws {
        let lines = try await ScriptBench().run("log.info(pcall(ip.within, '10.0.0.1', '\(network)'))")
        #expect(lines.first?.contains("an address or a network such as 10.0.0.0/8 expected") == true, "\(lines)")
    }

    @Test func bytesAreInNetworkOrder() async throws {
        let lines = try await ScriptBench().run(
            "log.info(ip.bytes('1.2.3.4'):byte(1, 4)); log.info(#ip.bytes('::1'), ip.bytes('x'))")
        #expect(lines == ["[Info] script/chunk: 1 2 3 4", "[Info] script/chunk: 16 nil"])
    }
}
