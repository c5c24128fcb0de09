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
}
