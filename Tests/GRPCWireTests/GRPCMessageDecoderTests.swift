// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import GRPCWire

struct GRPCMessageDecoderTests {
    private func frame(_ payload: ByteBuffer, flag: UInt8 = 0) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(flag)
        frame.writeInteger(UInt32(payload.readableBytes))
        frame.writeImmutableBuffer(payload)
        return frame
    }

    private func messages(_ decoder: inout GRPCMessageDecoder) throws(GRPCStatus) -> [ByteBuffer] {
        var messages: [ByteBuffer] = []
        while let message = try decoder.next() { messages.append(message) }
        return messages
    }

    private var threeMessages: (octets: ByteBuffer, expected: [ByteBuffer]) {
        let expected = [ByteBuffer(string: "one"), ByteBuffer(), ByteBuffer(bytes: [UInt8](0...255))]
        var octets = ByteBuffer()
        for message in expected { octets.writeImmutableBuffer(frame(message)) }
        return (octets, expected)
    }

    @Test func readsSeveralMessagesAtOnce() throws {
        var decoder = GRPCMessageDecoder(limit: 1000)
        decoder.append(threeMessages.octets)
        #expect(try messages(&decoder) == threeMessages.expected)
        #expect(decoder.bufferedBytes == 0)
    }

    @Test func readsOctetByOctet() throws {
        var decoder = GRPCMessageDecoder(limit: 1000)
        var found: [ByteBuffer] = []
        for octet in threeMessages.octets.readableBytesView {
            decoder.append(ByteBuffer(bytes: [octet]))
            found += try messages(&decoder)
            decoder.settle()
        }
        #expect(found == threeMessages.expected)
    }

    @Test func everySplitGivesTheSameMessages() throws {
        let octets = Array(threeMessages.octets.readableBytesView)
        for split in 0...octets.count {
            var decoder = GRPCMessageDecoder(limit: 1000)
            decoder.append(ByteBuffer(bytes: octets[..<split]))
            var found = try messages(&decoder)
            decoder.settle()
            decoder.append(ByteBuffer(bytes: octets[split...]))
            found += try messages(&decoder)
            #expect(found == threeMessages.expected)
        }
    }

    @Test func truncatedMessagesStayBuffered() throws {
        let octets = Array(frame(ByteBuffer(string: "message")).readableBytesView)
        for count in 1..<octets.count {
            var decoder = GRPCMessageDecoder(limit: 1000)
            decoder.append(ByteBuffer(bytes: octets[..<count]))
            #expect(try decoder.next() == nil)
            #expect(decoder.bufferedBytes == count)
        }
    }

    @Test func anOversizedMessageIsRefusedByItsPrefix() {
        var decoder = GRPCMessageDecoder(limit: 10)
        decoder.append(ByteBuffer(bytes: [0, 0xff, 0xff, 0xff, 0xff]))
        #expect(throws: GRPCStatus(.resourceExhausted, "grpc: received message larger than max (4294967295 vs. 10)")) {
            try decoder.next()
        }
    }

    @Test(arguments: [UInt8(2), 3, 128, 255])
    func unknownFlagsAreRefused(flag: UInt8) {
        var decoder = GRPCMessageDecoder(limit: 10)
        decoder.append(ByteBuffer(bytes: [flag, 0, 0, 0, 0]))
        #expect(throws: GRPCStatus(.internal, "grpc: received unexpected payload format \(flag)")) {
            try decoder.next()
        }
    }

    @Test func inflatesCompressedMessages() throws {
        let plain = ByteBuffer(string: String(repeating: "tide ", count: 500))
        var decoder = GRPCMessageDecoder(limit: 10_000)
        decoder.compression = .gzip
        decoder.append(frame(try #require(Gzip.compress(plain)), flag: 1))
        decoder.append(frame(try #require(Gzip.compress(ByteBuffer())), flag: 1))
        decoder.append(frame(plain))
        #expect(try messages(&decoder) == [plain, ByteBuffer(), plain])
    }

    @Test func aMessageMayInflateToTheLimitAndNotBeyond() throws {
        let bomb = try #require(Gzip.compress(ByteBuffer(repeating: 0, count: 1_000_000)))
        var decoder = GRPCMessageDecoder(limit: 1_000_000)
        decoder.compression = .gzip
        decoder.append(frame(bomb, flag: 1))
        #expect(try decoder.next()?.readableBytes == 1_000_000)
        decoder.limit = 999_999
        decoder.append(frame(bomb, flag: 1))
        #expect(
            throws: GRPCStatus(.resourceExhausted, "grpc: received message after decompression larger than max 999999")
        ) { try decoder.next() }
    }

    @Test func everyTruncationOfGzipIsRefused() throws {
        let compressed = Array(try #require(Gzip.compress(ByteBuffer(string: "some text"))).readableBytesView)
        for count in 0..<compressed.count {
            #expect(throws: Gzip.InflateFailure.malformed) {
                try Gzip.inflate(ByteBuffer(bytes: compressed[..<count]), limit: 1000)
            }
        }
    }

    @Test func damagedGzipIsRefusedOrHarmless() throws {
        let compressed = Array(
            try #require(Gzip.compress(ByteBuffer(string: String(repeating: "text", count: 100)))).readableBytesView)
        for index in compressed.indices {
            for bit in 0..<8 {
                var damaged = compressed
                damaged[index] ^= 1 << UInt8(bit)
                let inflated = try? Gzip.inflate(ByteBuffer(bytes: damaged), limit: 1000)
                #expect((inflated?.readableBytes ?? 0) <= 1000)
            }
        }
        #expect(throws: Gzip.InflateFailure.malformed) {
            try Gzip.inflate(ByteBuffer(bytes: compressed + [1]), limit: 1000)
        }
    }

    @Test func severalGzipMembersAreOneMessage() throws {
        let half = try #require(Gzip.compress(ByteBuffer(string: "half")))
        let both = ByteBuffer(bytes: Array(half.readableBytesView) + Array(half.readableBytesView))
        #expect(try Gzip.inflate(both, limit: 8) == ByteBuffer(string: "halfhalf"))
        #expect(throws: Gzip.InflateFailure.tooLarge) { try Gzip.inflate(both, limit: 7) }
    }

    @Test func theCompressedFlagNeedsAnEncoding() {
        var decoder = GRPCMessageDecoder(limit: 10)
        decoder.append(frame(ByteBuffer(string: "x"), flag: 1))
        #expect(throws: GRPCStatus(.internal, "grpc: compressed flag set with identity or empty encoding")) {
            try decoder.next()
        }
    }
}
