// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import ProxyCore

struct ServerNameTests {
    private static func vector<Length: FixedWidthInteger & UnsignedInteger>(_: Length.Type, _ bytes: [UInt8]) -> [UInt8]
    {
        withUnsafeBytes(of: Length(bytes.count).bigEndian) { Array($0) } + bytes
    }

    /// A hello as RFC 8446 section 4.1.2 lays it out, without its record.
    static func message(name: String?) -> [UInt8] {
        var extensions: [UInt8] = [0, 43] + vector(UInt16.self, [2, 3, 4])
        if let name {
            let names = [0] + vector(UInt16.self, Array(name.utf8))
            extensions += [0, 0] + vector(UInt16.self, vector(UInt16.self, names))
        }
        let body =
            [3, 3] + [UInt8](repeating: 7, count: 32) + vector(UInt8.self, [UInt8](repeating: 1, count: 32))
            + vector(UInt16.self, [0x13, 0x01]) + vector(UInt8.self, [0]) + vector(UInt16.self, extensions)
        return [1, 0] + vector(UInt16.self, body)
    }

    static func records(_ message: [UInt8], pieces: Int = 1) -> [UInt8] {
        let size = (message.count + pieces - 1) / pieces
        return stride(from: 0, to: message.count, by: size).flatMap { start in
            [22, 3, 1] + vector(UInt16.self, Array(message[start..<min(start + size, message.count)]))
        }
    }

    private func peek(_ bytes: [UInt8]) -> ServerName.Outcome { ServerName.peek(ByteBuffer(bytes: bytes)) }

    @Test(arguments: [1, 2, 7, 15]) func nameIsFoundHoweverTheMessageIsCutIntoRecords(_ pieces: Int) {
        let bytes = Self.records(Self.message(name: "Proxy.Example."), pieces: pieces)
        #expect(peek(bytes) == .name("proxy.example"))
        #expect(peek(bytes + [23, 3, 3, 0, 1, 0]) == .name("proxy.example"))
    }

    @Test func everyPrefixNeedsMore() {
        let bytes = Self.records(Self.message(name: "proxy.example"), pieces: 3)
        for count in bytes.indices { #expect(peek(Array(bytes[..<count])) == .needMore) }
    }

    @Test func helloWithoutANameHasNone() {
        #expect(peek(Self.records(Self.message(name: nil))) == .name(""))
    }

    @Test(
        arguments: [
            Array("GET / HTTP/1.1\r\n".utf8), [23, 3, 3, 0, 1, 0], [22, 2, 1, 0, 1, 1], [22, 3, 1, 0, 0],
            [22, 3, 1, 0xff, 0xff], [22, 3, 1, 0, 4, 2, 0, 0, 0], [22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff],
            [22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3],
        ] as [[UInt8]])
    func otherBytesAreInvalid(_ bytes: [UInt8]) { #expect(peek(bytes) == .invalid) }

    @Test func lengthsThatLieAreInvalid() {
        let message = Self.message(name: "proxy.example")
        for index in message.indices.dropFirst(38) {
            var broken = message
            broken[index] = 0xff
            // What matters is that no length leads out of the message.
            switch peek(Self.records(broken)) {
            case .needMore: Issue.record("byte \(index)")
            case .name, .invalid: break
            }
        }
    }

    @Test func endlessTrainOfTinyRecordsIsInvalid() {
        let message = Self.message(name: "proxy.example")
        #expect(peek(Self.records(message, pieces: message.count)) == .invalid)
    }
}
