// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct VisionTests {
    private static let id = UserID("b831381d-6324-4d53-ad4f-8cda48b30811")!
    /// Version, id, addons, command and an IPv4 target; version and no addons.
    private static let requestLength = 17 + 1 + 18 + 1 + 7
    private static let responseLength = 2

    private func payload(
        of records: [String], past: String, skipping header: Int, _ codec: VisionCodec, piece: Int
    ) throws -> String {
        var received = ByteBuffer()
        var payload = ByteBuffer()
        for (index, record) in records.enumerated() {
            var bytes = ByteBuffer(bytes: self.bytes(record))
            if index == 0 { bytes.moveReaderIndex(forwardBy: header) }
            while let part = bytes.readSlice(length: min(piece, bytes.readableBytes)), part.readableBytes > 0 {
                received.writeImmutableBuffer(part)
                while var content = try codec.decode(&received) { payload.writeBuffer(&content) }
            }
        }
        #expect(codec.readsDirect == !past.isEmpty)
        return hex(payload) + past
    }

    private func bytes(_ text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }

    @Test(arguments: 0..<VisionVector.all.count, [1, 7, 100, 100_000])
    func recordedConnectionsAreRead(index: Int, piece: Int) throws {
        let vector = VisionVector.all[index]
        // The first block is not cut: see VisionReader.
        let up = VisionCodec(id: Self.id, isClient: false)
        #expect(
            try payload(of: vector.up, past: vector.upPast, skipping: Self.requestLength, up, piece: piece)
                == vector.payloadUp)
        let down = VisionCodec(id: Self.id, isClient: true)
        #expect(
            try payload(of: vector.down, past: vector.downPast, skipping: 0, down, piece: piece) == vector.payloadDown)
    }

    /// Two codecs speak to each other; gives how often each way was written in blocks, and whether it goes past TLS at the end.
    private func exchange(
        _ writes: [(isUp: Bool, bytes: [UInt8])]
    ) throws -> (client: VisionCodec, server: VisionCodec) {
        let client = VisionCodec(id: Self.id, isClient: true)
        let server = VisionCodec(id: Self.id, isClient: false)
        var up = ByteBuffer()
        var down = ByteBuffer(bytes: [0, 0])
        for (isUp, bytes) in writes {
            let (from, to) = isUp ? (client, server) : (server, client)
            let isPast = from.writesDirect
            var wire = from.encode(ByteBuffer(bytes: bytes), allocator: ByteBufferAllocator())
            #expect(isPast ? Array(wire.readableBytesView) == bytes : wire.readableBytes >= bytes.count)
            #expect(to.readsDirect == isPast, "both ends leave TLS at the same byte")
            var received = ByteBuffer()
            if isUp { up.writeBuffer(&wire) } else { down.writeBuffer(&wire) }
            while var part = try isUp ? to.decode(&up) : to.decode(&down) { received.writeBuffer(&part) }
            #expect(Array(received.readableBytesView) == bytes)
        }
        return (client, server)
    }

    private static let clientHello: [UInt8] = [0x16, 3, 1, 2, 0, 1] + [UInt8](repeating: 7, count: 511)

    private static func serverHello(cipher: UInt16, _ extensions: [UInt8] = [0, 0x2b, 0, 2, 3, 4]) -> [UInt8] {
        let hello: [UInt8] =
            [2, 0, 0, 118, 3, 3] + [UInt8](repeating: 1, count: 32) + [32]
            + [UInt8](repeating: 2, count: 32) + [UInt8(cipher >> 8), UInt8(cipher & 255), 0, 0, 40] + extensions
            + [UInt8](repeating: 3, count: 46 - extensions.count - 0)
        return [0x16, 3, 3, UInt8(hello.count >> 8), UInt8(hello.count & 255)] + hello
    }

    private static func record(_ count: Int) -> [UInt8] {
        [0x17, 3, 3, UInt8(count >> 8), UInt8(count & 255)] + [UInt8](repeating: 9, count: count)
    }

    @Test(arguments: [0x1301, 0x1302, 0x1303] as [UInt16])
    func recordsOfTLS13PassTheOuterTLSByBothWays(cipher: UInt16) throws {
        let ends = try exchange([
            (true, Self.clientHello), (false, Self.serverHello(cipher: cipher) + Self.record(500)),
            (true, [0x14, 3, 3, 0, 1, 1] + Self.record(60)), (true, Self.record(300)), (true, Self.record(10)),
            (false, Self.record(2_000)), (false, [1, 2, 3]), (true, [4, 5, 6]),
        ])
        #expect(ends.client.writesDirect && ends.server.writesDirect)
    }

    @Test func recordsOfTLS12StayInside() throws {
        let ends = try exchange([
            (true, Self.clientHello), (false, Self.serverHello(cipher: 0xc02f, [])), (true, Self.record(300)),
            (false, Self.record(300)), (true, Self.record(20)), (false, Self.record(20)),
        ])
        #expect(!ends.client.writesDirect && !ends.server.writesDirect)
    }

    @Test func cipherThatMayNotPassStaysInside() throws {
        let ends = try exchange([
            (true, Self.clientHello), (false, Self.serverHello(cipher: 0x1305)), (true, Self.record(300)),
            (false, Self.record(300)),
        ])
        #expect(!ends.client.writesDirect && !ends.server.writesDirect)
    }

    @Test func payloadThatIsNotTLSIsPaddedForAWhileOnly() throws {
        let codec = VisionCodec(id: Self.id, isClient: false)
        let sizes = (0..<12).map { _ in
            codec.encode(ByteBuffer(string: "plain"), allocator: ByteBufferAllocator()).readableBytes
        }
        #expect(sizes[0] >= 26, "an id, a head and the payload")
        #expect(sizes.suffix(4).allSatisfy { $0 == 5 })
        #expect(!codec.writesDirect)
    }

    @Test func bigWritesAreCutAndArriveWhole() throws {
        let big = Self.record(16_000) + Self.record(16_000) + Self.record(5)
        let ends = try exchange([
            (true, Self.clientHello), (false, Self.serverHello(cipher: 0x1301)), (false, big),
            (false, [UInt8](big.prefix(9))),
        ])
        #expect(ends.server.writesDirect)
        let plain = [UInt8](repeating: 0x61, count: 100_000)
        _ = try exchange([(true, plain), (false, plain), (true, plain)])
    }

    @Test func payloadWithoutABlockPassesAsItIs() throws {
        let codec = VisionCodec(id: Self.id, isClient: false)
        var bytes = ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n")
        #expect(try codec.decode(&bytes).map { String(buffer: $0) } == "GET / HTTP/1.1\r\n\r\n")
        #expect(codec.readsPlain)
    }

    @Test func requestWithoutPayloadIsFilledOnce() throws {
        let client = VisionCodec(id: Self.id, isClient: true)
        let server = VisionCodec(id: Self.id, isClient: false)
        let filling = client.filling(allocator: .init())
        var wire = try #require(filling)
        #expect((921..<1_421).contains(wire.readableBytes))
        #expect(client.filling(allocator: .init()) == nil)
        #expect(try server.decode(&wire) == nil && wire.readableBytes == 0)
        var payload = client.encode(ByteBuffer(string: "hello"), allocator: .init())
        #expect(try server.decode(&payload) == ByteBuffer(string: "hello"))
    }

    @Test func unknownCommandIsRefused() throws {
        let codec = VisionCodec(id: Self.id, isClient: false)
        var bytes = ByteBuffer(bytes: Self.id.bytes + [3, 0, 1, 0, 0, 9])
        #expect(throws: ProtocolError.self) {
            while try codec.decode(&bytes) != nil {}
        }
    }

    @Test func datagramsTravelInBlocks() throws {
        let client = XUDPBodyCodec(globalID: 7, in: VisionCodec(id: Self.id, isClient: true))
        let server = VisionCodec(id: Self.id, isClient: false)
        let target = Destination(network: .udp, address: Address("192.0.2.1"), port: 53)
        var wire = ByteBuffer()
        for text in ["one", "two"] {
            let packet = Packet(payload: ByteBuffer(string: text), peer: target)
            wire.writeImmutableBuffer(try #require(client.encode(packet, allocator: ByteBufferAllocator())))
        }
        var frames = ByteBuffer()
        while var part = try server.decode(&wire) { frames.writeBuffer(&part) }
        let first = try #require(try MuxFrame.read(&frames))
        #expect(first.status == .new && first.peer == target && first.globalID == 7)
        #expect(try MuxFrame.read(&frames)?.data == ByteBuffer(string: "two"))
        var answer = ByteBuffer()
        let frame = MuxFrame(id: 0, status: .keep, peer: target, data: ByteBuffer(string: "a"))
        frame.writeHead(to: &answer)
        answer.writeString("a")
        var down = ByteBuffer(bytes: [0, 0])
        down.writeImmutableBuffer(server.encode(answer, allocator: ByteBufferAllocator()))
        #expect(try client.decode(&down, defaultTarget: target)?.payload == ByteBuffer(string: "a"))
    }
}
