// SPDX-License-Identifier: Apache-2.0
import Telemetry
import Testing

struct AddressMaskTests {
    @Test(arguments: [
        ("half", "from 1.2.3.4:55 accepted tcp:9.8.7.6:443", "from 1.2.*.*:55 accepted tcp:9.8.*.*:443"),
        ("quarter", "from tcp:1.2.3.4:55", "from tcp:1.*.*.*:55"),
        ("full", "from 1.2.3.4:55", "from [Masked IPv4]:55"),
        ("/24+/64", "1.2.3.4", "1.2.3.*"),
        ("/32+/128", "1.2.3.4 [2001:db8::1]:443", "1.2.3.4 [2001:db8::1]:443"),
        ("half", "udp:[2001:db8:1:2::3]:53", "udp:[2001:db8::/32]:53"),
        ("/16+/72", "[2001:db8:1:2:abcd:ef00::3]", "[2001:db8:1:2:ab00::/72]"),
        ("full", "udp:[2001:db8::3]:53", "udp:[Masked IPv6]:53"),
        ("+/64", "1.2.3.4 and [2001:db8::3]", "[Masked IPv4] and [2001:db8::/64]"),
        ("/16", "1.2.3.4 and [2001:db8::3]", "1.2.*.* and [Masked IPv6]"),
        ("half", "tcp:example.com:443 v1.2.3 1.2.3.4.5", "tcp:example.com:443 v1.2.3 1.2.3.4.5"),
        ("full", "300.1.1.1 12:34:56", "300.1.1.1 12:34:56"),
        ("half", "a@1.2.3.4 http://1.2.3.4/x", "a@1.2.*.* http://1.2.*.*/x"),
        ("half", "", ""),
    ])
    func masksAddressesInsideALine(setting: String, line: String, expected: String) throws {
        let mask = try #require(try AddressMask(setting: setting))
        #expect(mask.apply(to: line) == expected)
    }

    @Test func theEmptySettingMasksNothing() throws {
        #expect(try AddressMask(setting: "") == nil)
    }

    @Test(arguments: ["some", "/7+/32", "/40+/32", "/16+/129", "/16+/32+/1", "/-8+/0", "/16+x"])
    func refusesASettingWithoutMeaning(setting: String) {
        #expect(throws: TelemetryError.self) { try AddressMask(setting: setting) }
    }
}
