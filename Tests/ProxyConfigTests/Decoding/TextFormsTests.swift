// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyConfig

struct TextFormsTests {
    @Test(arguments: [
        ("10s", 10_000_000_000), ("1h30m", 5_400_000_000_000), ("250ms", 250_000_000), ("1.5s", 1_500_000_000),
        ("-2m", -120_000_000_000), ("0", 0), ("1us", 1000), ("1µs", 1000), ("+3ns", 3), (".5s", 500_000_000),
    ])
    func durationsHaveUnits(text: String, nanoseconds: Int64) {
        #expect(DurationText.nanoseconds(text) == nanoseconds)
    }

    @Test(arguments: ["", "10", "s", "10 s", "1d", "-", ".s", "1h-1m", "99999999999999999999s", "9999999999h", "1..5s"])
    func otherTextIsNoDuration(text: String) {
        #expect(DurationText.nanoseconds(text) == nil)
    }

    @Test(arguments: [("64MB", 64 << 20), ("1.5 KB", 1536), ("2g", 2 << 30), ("100", 100), ("7B", 7)])
    func sizesArePowersOf1024(text: String, bytes: Int64) {
        #expect(SizeText.bytes(text) == bytes)
    }

    @Test(arguments: ["", "MB", "-1MB", "1TBX", "1e3", "99999999999999999999GB", "1.2.3MB"])
    func otherTextIsNoSize(text: String) {
        #expect(SizeText.bytes(text) == nil)
    }

    @Test func rangesMayBeNegativeAndSingle() {
        let ranges = ["114-514", "-114-514", "-1919--810", "7", ""].map { ConfigNode.range($0) }
        #expect(ranges.map { $0?.0 } == [114, -114, -1919, 7, 0])
        #expect(ranges.map { $0?.1 } == [514, 514, -810, 7, 0])
        #expect(["x", "1-", "-", "1-2-3", "99999999999"].allSatisfy { ConfigNode.range($0) == nil })
    }

    @Test func earlyDataIsTakenOutOfThePath() {
        let paths = ["/a?ed=2048", "/a?x=1&ed=5&b=2#f", "/a?x=1", "/a", "/a?ed=", "/?ed=x"].map {
            EarlyData.split(path: $0)
        }
        #expect(paths.map(\.path) == ["/a", "/a?b=2&x=1#f", "/a?x=1", "/a", "/a?ed=", "/"])
        #expect(paths.map(\.bytes) == [2048, 5, 0, 0, 0, 0])
    }

    @Test func hostsAndPortsAreSplitAtTheLastColon() {
        #expect(HostAndPort("[::1]:80")?.host == "::1")
        #expect(HostAndPort("a:80")?.port == "80")
        #expect(HostAndPort(":80")?.host == "")
        for text in ["a", "::1", "::1:80", "[::1]", "[a:80", "a]:80"] { #expect(HostAndPort(text) == nil) }
    }

    @Test func fallbackTargetsAreRecognised() {
        let targets = ["80", "127.0.0.1:80", "/run/a", "@a", "serve-ws-none", "host", "", "@@a"].map {
            FallbackTarget(dest: $0, type: "")
        }
        #expect(targets.map(\.type) == ["tcp", "tcp", "unix", "unix", "serve", "", "", "unix"])
        #expect(targets[0].dest == "localhost:80")
        #expect(targets[7].dest.utf8.count == 108)
        #expect(targets[7].dest.hasPrefix("@a\0"))
    }

    @Test func addressesLoseBracketsAndBlanks() {
        #expect(Address(configured: "[::1]") == .ip(.loopbackV6))
        #expect(Address(configured: " 127.0.0.1 ") == .ip(.loopbackV4))
        #expect(Address(configured: "[a.b]") == .domain("a.b"))
        #expect(Address(configured: "256.1.1.1") == .domain("256.1.1.1"))
        #expect(Address(configured: "") == .domain(""))
    }

    @Test func keyPathsQuoteOddKeys() {
        let path = KeyPath.key(.index(.key(.key(.root, "a-b"), "x y\n"), 3), "z")
        #expect(path.description == "a-b[\"x y\\n\"][3].z")
    }
}
