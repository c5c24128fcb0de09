// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

struct MuxFrameTests {
    private static func bytes(_ hex: String) -> ByteBuffer {
        let digits = Array(hex.utf8.filter { $0 != 0x20 })
        return ByteBuffer(
            bytes: stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
            })
    }

    private static func udp(_ address: String, _ port: UInt16) -> Destination {
        Destination(network: .udp, address: Address(address), port: port)
    }

    /// Frames that Xray 26.7.28 reads and writes.
    private static let known: [(hex: String, frame: MuxFrame)] = {
        var opened = MuxFrame(id: 0, status: .new, peer: udp("1.1.1.1", 53), data: ByteBuffer(string: "q"))
        opened.globalID = 0x0102_0304_0506_0708
        var failed = MuxFrame(id: 1, status: .end)
        failed.isError = true
        return [
            (
                "0014000101000101bb020b6578616d706c652e636f6d",
                MuxFrame(
                    id: 1, status: .new,
                    peer: Destination(network: .tcp, address: .domain("example.com"), port: 443))
            ),
            ("00140000010102003501010101010102030405060708000171", opened),
            ("000400010201000568656c6c6f", MuxFrame(id: 1, status: .keep, data: ByteBuffer(string: "hello"))),
            (
                "0018000002010200350320010db8000000000000000000000001000172",
                MuxFrame(id: 0, status: .keep, peer: udp("2001:db8::1", 53), data: ByteBuffer(string: "r"))
            ),
            ("000400010300", MuxFrame(id: 1, status: .end)), ("000400010302", failed),
            ("000400070400", MuxFrame(id: 7, status: .keepAlive)),
        ]
    }()

    @Test(arguments: 0..<7) func knownFramesAreReadAndWritten(index: Int) throws {
        let (hex, frame) = Self.known[index]
        var buffer = Self.bytes(hex)
        #expect(try MuxFrame.read(&buffer) == frame)
        #expect(buffer.readableBytes == 0)
        var written = ByteBuffer()
        #expect(frame.writeHead(to: &written))
        if let data = frame.data { written.writeImmutableBuffer(data) }
        #expect(written == Self.bytes(hex))
    }

    @Test(arguments: 0..<7) func cutAnywhereNothingIsTaken(index: Int) throws {
        let whole = Self.bytes(Self.known[index].hex)
        for count in 0..<whole.readableBytes {
            var part = try #require(whole.getSlice(at: 0, length: count))
            #expect(try MuxFrame.read(&part) == nil)
            #expect(part.readableBytes == count)
        }
    }

    @Test func metadataBehindWhatIsKnownAreSkipped() throws {
        var buffer = Self.bytes("0006 0001 03 00 abcd 0004 0002 03 00")
        #expect(try MuxFrame.read(&buffer)?.id == 1)
        #expect(try MuxFrame.read(&buffer)?.id == 2)
    }

    @Test(arguments: [
        "0003 0001 02", "0201 0001 02 00", "ffff", "0004 0001 05 00", "0004 0001 00 00", "0004 0001 01 00",
        "0005 0001 01 00 03", "0008 0001 01 00 01 0050 01", "000c 0001 01 00 01 0050 09 7f000001",
        "000a 0001 01 00 01 0050 02 05 61", "000c 0001 02 00 01 0050 01 7f000001", "0009 0001 01 00 01 0050 02 00",
        "000c 0001 01 01 02 0050 01 7f000001 2001",
    ])
    func bytesThatAreNoFrameAreRefused(hex: String) {
        var buffer = Self.bytes(hex)
        #expect(throws: ProtocolError.self) { try MuxFrame.read(&buffer) }
    }

    @Test func whatDoesNotFitIsNotWritten() {
        var buffer = ByteBuffer(string: "kept")
        let name = String(repeating: "a", count: 256)
        let long = MuxFrame(
            id: 1, status: .new, peer: Destination(network: .tcp, address: .domain(name), port: 1))
        #expect(!long.writeHead(to: &buffer))
        let data = ByteBuffer(repeating: 0, count: MuxFrame.dataLimit + 1)
        #expect(!MuxFrame(id: 1, status: .keep, data: data).writeHead(to: &buffer))
        #expect(String(buffer: buffer) == "kept")
    }
}

struct XUDPCodecTests {
    private static let first = Destination(network: .udp, address: Address("192.0.2.1"), port: 53)
    private static let second = Destination(network: .udp, address: Address("192.0.2.2"), port: 54)

    @Test func firstFrameOpensTheSessionAndAllNameTheirTarget() throws {
        let codec = XUDPCodec(globalID: 7)
        var stream = ByteBuffer()
        for peer in [Self.first, Self.second] {
            let packet = Packet(payload: ByteBuffer(string: "q"), peer: peer)
            stream.writeImmutableBuffer(try #require(codec.encode(packet, allocator: ByteBufferAllocator())))
        }
        let opening = try #require(try MuxFrame.read(&stream))
        #expect(opening.status == .new && opening.globalID == 7 && opening.peer == Self.first && opening.id == 0)
        let later = try #require(try MuxFrame.read(&stream))
        #expect(later.status == .keep && later.peer == Self.second && later.id == 0)
    }

    @Test func answersTellTheirSourceOrComeFromTheFirstTarget() throws {
        let codec = XUDPCodec()
        var stream = ByteBuffer()
        for peer in [Self.second, nil] {
            let frame = MuxFrame(id: 0, status: .keep, peer: peer, data: ByteBuffer(string: "a"))
            frame.writeHead(to: &stream)
            stream.writeString("a")
        }
        #expect(try codec.decode(&stream, defaultTarget: Self.first)?.peer == Self.second)
        #expect(try codec.decode(&stream, defaultTarget: Self.first)?.peer == Self.first)
        MuxFrame(id: 0, status: .end).writeHead(to: &stream)
        #expect(throws: ProtocolError.self) { try codec.decode(&stream, defaultTarget: Self.first) }
    }

    @Test func datagramThatIsTooLongForTheOriginalIsDropped() {
        let codec = XUDPCodec()
        let packet = Packet(payload: ByteBuffer(repeating: 0, count: 7_527), peer: Self.first)
        #expect(codec.encode(packet, allocator: ByteBufferAllocator()) == nil)
    }
}
