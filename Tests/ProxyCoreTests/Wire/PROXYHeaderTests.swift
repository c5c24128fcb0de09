// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Testing

@testable import ProxyCore

struct PROXYHeaderTests {
    private func read(_ bytes: [UInt8]) -> (PROXYHeader.Outcome, rest: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        return (PROXYHeader.read(&buffer), Array(buffer.readableBytesView))
    }

    private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
    private static let addresses = PROXYHeader.Addresses(
        source: Endpoint(ip: .v4(0x0102_0304), port: 1111), local: Endpoint(ip: .v4(0x0506_0708), port: 2222))
    static let binary = signature + [0x21, 0x11, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 4, 0x57, 8, 0xae]
    static let text = Array("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n".utf8)

    @Test(arguments: [text, binary]) func bothVersionsTellTheAddresses(_ bytes: [UInt8]) {
        let (outcome, rest) = read(bytes + [1, 2, 3])
        #expect(outcome == .header(Self.addresses))
        #expect(rest == [1, 2, 3])
        for count in bytes.indices {
            let (outcome, rest) = read(Array(bytes[..<count]))
            #expect(outcome == .needMore)
            #expect(rest.count == count, "nothing is taken of a part")
        }
    }

    @Test func addressesOfVersion6AreRead() {
        let bytes = Self.signature + [0x21, 0x21, 0, 36] + [UInt8](repeating: 0x20, count: 32) + [0, 1, 0, 2]
        guard case .header(let addresses?) = read(bytes).0 else {
            Issue.record("no header")
            return
        }
        #expect(addresses.source.ip == IPAddress(bytes: [UInt8](repeating: 0x20, count: 16)))
        #expect(read(Array("PROXY TCP6 ::1 ::2 1 2\r\n".utf8)).0 != .invalid)
    }

    @Test(arguments: [
        Array("PROXY UNKNOWN\r\n".utf8), Array("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".utf8),
        signature + [0x20, 0, 0, 0],
        signature + [0x21, 0, 0, 3, 1, 2, 3],
    ]) func unknownSourcesLeaveTheSocketsAddresses(_ bytes: [UInt8]) { #expect(read(bytes).0 == .header(nil)) }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n".utf8), [0, 0xb8], Array("PROXY TCP4 1.2.3.4\r\n".utf8),
        Array("PROXY TCP4 1.2.3.4 5.6.7.8 1111 70000\r\n".utf8), Array("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\n".utf8),
        Array(("PROXY " + String(repeating: "x", count: 110)).utf8), signature + [0x31, 0x11, 0, 0],
        signature + [0x21, 0x99, 0, 0], signature + [0x21, 0x11, 0, 4, 1, 2, 3, 4],
    ]) func otherBytesAreInvalid(_ bytes: [UInt8]) { #expect(read(bytes).0 == .invalid) }

    private static let source = Endpoint(ip: .loopbackV4, port: 34270)
    private static let target = Endpoint(ip: .loopbackV4, port: 22012)

    private func written(_ version: Int, _ source: Endpoint, _ target: Endpoint) -> [UInt8]? {
        PROXYHeader.bytes(version, source: source, target: target).map { Array($0.readableBytesView) }
    }

    /// The bytes that Xray 26.7.28 sent.
    @Test func addressesAreWrittenAsTheOriginalWritesThem() {
        #expect(
            written(1, Self.source, Self.target)
                == Array("PROXY TCP4 127.0.0.1 127.0.0.1 34270 22012\r\n".utf8))
        #expect(
            written(2, Self.source, Self.target) == Self.signature
                + [0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1, 0x85, 0xde, 0x55, 0xfc])
    }

    @Test func longAddressesHaveAFormOfTheirOwn() {
        let (source, target) = (Endpoint(ip: .loopbackV6, port: 1), Endpoint(ip: .loopbackV6, port: 2))
        #expect(written(1, source, target) == Array("PROXY TCP6 ::1 ::1 1 2\r\n".utf8))
        let one = [UInt8](repeating: 0, count: 15) + [1]
        #expect(written(2, source, target) == Self.signature + [0x21, 0x21, 0, 36] + one + one + [0, 1, 0, 2])
    }

    @Test(arguments: [1, 2]) func whatIsWrittenIsRead(_ version: Int) throws {
        for target in [Self.target, Endpoint(ip: .v6(high: 1 << 60, low: 7), port: 65_535)] {
            let source = target.ip.isIPv4 ? Self.source : Endpoint(ip: .loopbackV6, port: 9)
            let bytes = try #require(written(version, source, target))
            #expect(read(bytes).0 == .header(PROXYHeader.Addresses(source: source, local: target)))
        }
    }

    @Test func endsWithoutAddressesAreUnknown() {
        #expect(written(1, .unspecified, Self.target) == Array("PROXY UNKNOWN\r\n".utf8))
        #expect(written(2, .unspecified, Self.target) == Self.signature + [0x20, 0, 0, 0])
        #expect(written(2, Endpoint(ip: .loopbackV6, port: 9), Self.target) == Self.signature + [0x20, 0, 0, 0])
        #expect(written(0, Self.source, Self.target) == nil)
    }
}
