// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import ProxyCore

struct WebSocketFramesTests {
    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// Everything that comes of some bytes, with the parts of data joined.
    private func events(
        _ role: WebSocketFrames.Role, _ bytes: [UInt8], piece: Int = .max
    ) throws -> [WebSocketFrames.Event] {
        var frames = WebSocketFrames(role: role)
        var buffer = ByteBuffer()
        var rest = bytes[...]
        var events: [WebSocketFrames.Event] = []
        while true {
            while let event = try frames.next(&buffer) {
                if case .data(let part) = event, case .data(var earlier)? = events.last {
                    earlier.writeImmutableBuffer(part)
                    events[events.count - 1] = .data(earlier)
                } else {
                    events.append(event)
                }
            }
            if rest.isEmpty { return events }
            buffer.writeBytes(rest.prefix(piece))
            rest = rest.dropFirst(piece)
        }
    }

    /// RFC 6455 section 5.7.
    @Test func examplesOfTheStandardAreRead() throws {
        let hello = WebSocketFrames.Event.data(ByteBuffer(string: "Hello"))
        #expect(try events(.client, Self.bytes("8105 48656c6c6f")) == [hello])
        #expect(try events(.server, Self.bytes("8185 37fa213d 7f9f4d5158")) == [hello])
        #expect(try events(.client, Self.bytes("0103 48656c 8002 6c6f")) == [hello])
        #expect(try events(.client, Self.bytes("8905 48656c6c6f")) == [.ping(ByteBuffer(string: "Hello"))])
        #expect(try events(.server, Self.bytes("8a85 37fa213d 7f9f4d5158")) == [.pong])
    }

    /// As Xray-core 26.7.28 sent and took them.
    @Test func recordedFramesAreRead() throws {
        #expect(
            try events(.client, Self.bytes("8206000070696e67 8204706f6e67"))
                == [.data(ByteBuffer(bytes: [0, 0] + Array("pingpong".utf8)))])
        #expect(try events(.server, Self.bytes("828401020304716d6d63")) == [.data(ByteBuffer(string: "pong"))])
    }

    @Test(arguments: [0, 1, 3, 125, 126, 127, 16_384, 16_385, 65_535, 65_536, 200_000])
    func dataOfAnySizeComesBack(_ size: Int) throws {
        let payload = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        for (sender, receiver) in [(WebSocketFrames.Role.client, WebSocketFrames.Role.server), (.server, .client)] {
            let (head, rest) = WebSocketFrames(role: sender).data(payload, allocator: ByteBufferAllocator())
            let bytes = Array(head.readableBytesView) + (rest.map { Array($0.readableBytesView) } ?? [])
            for piece in [1, 7, 4096, bytes.count] where size < 20_000 || piece > 7 {
                let expected = size == 0 ? [] : [WebSocketFrames.Event.data(payload)]
                #expect(try events(receiver, bytes, piece: piece) == expected)
            }
        }
    }

    @Test func controlFramesMayComeInsideAMessage() throws {
        let parts = try events(.client, Self.bytes("0203 010203 8900 8003 040506"))
        #expect(
            parts == [.data(ByteBuffer(bytes: [1, 2, 3])), .ping(ByteBuffer()), .data(ByteBuffer(bytes: [4, 5, 6]))])
    }

    @Test(arguments: [
        "8105 48656c6c6f", "c185 00000000", "8385 00000000", "0980 00000000", "89fe 0080 00000000", "8080 00000000",
        "82ff ffffffffffffffff 00000000",
    ])
    func violationsOfTheProtocolAreErrors(_ hex: String) {
        #expect(throws: WebSocketFrames.Violation.self) { try events(.server, Self.bytes(hex)) }
        #expect(throws: WebSocketFrames.Violation.self) { try events(.server, Self.bytes(hex), piece: 1) }
    }

    @Test func framesThatFollowEachOtherAreGivenAsOne() throws {
        var frames = WebSocketFrames(role: .server)
        var buffer = ByteBuffer(bytes: Self.bytes("8283 01020304 606060 8280 00000000 8281 00000000 64 8283"))
        #expect(try frames.next(&buffer) == .data(ByteBuffer(string: "abcd")))
        #expect(buffer.readableBytes == 2)
    }

    @Test func whatCameBeforeAViolationIsGivenFirst() throws {
        var frames = WebSocketFrames(role: .server)
        var buffer = ByteBuffer(bytes: Self.bytes("8281 00000000 61 8105 48656c6c6f"))
        #expect(try frames.next(&buffer) == .data(ByteBuffer(string: "a")))
        #expect(throws: WebSocketFrames.Violation.self) { try frames.next(&buffer) }
    }

    @Test func closeFrameEndsWhatIsRead() throws {
        #expect(try events(.server, Self.bytes("8882 00000000 03e8")) == [.close])
    }
}
