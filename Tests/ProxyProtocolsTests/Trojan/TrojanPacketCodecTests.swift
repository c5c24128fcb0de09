// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct TrojanPacketCodecTests {
    private let codec = TrojanPacketCodec()
    private let target = Destination(network: .udp, address: .ip(.anyV4), port: 0)

    @Test func readsFramesAsTheyBecomeComplete() throws {
        let frames = "0101010101003500010d0a71 030b6578616d706c652e636f6d003500010d0a71 01010101010035 0000 0d0a"
        var input = ByteBuffer()
        var packets: [String] = []
        for byte in bytes(frames) {
            input.writeInteger(byte)
            while let packet = try codec.decode(&input, defaultTarget: target) {
                packets.append("\(packet.peer) \(String(buffer: packet.payload))")
            }
        }
        #expect(packets == ["udp:1.1.1.1:53 q", "udp:example.com:53 q", "udp:1.1.1.1:53 "])
        #expect(input.readableBytes == 0)
    }

    @Test(arguments: ["0101010101003500010d0a71", "030b6578616d706c652e636f6d003500010d0a71"])
    func writesWhatItReads(frame: String) throws {
        var input = buffer(frame)
        let packet = try #require(try codec.decode(&input, defaultTarget: target))
        #expect(codec.encode(packet, allocator: .init()).map(hex) == frame)
    }

    @Test(arguments: ["0101010101003520010d0a", "02", "0300"])
    func refusesLongDatagramsAndBadAddresses(frame: String) {
        var input = buffer(frame)
        #expect(throws: ProtocolError.self) { try codec.decode(&input, defaultTarget: target) }
    }

    @Test func aDatagramLongerThanXraysLimitIsNotWritten() {
        let packet = Packet(payload: ByteBuffer(repeating: 0, count: 8193), peer: target)
        #expect(codec.encode(packet, allocator: .init()) == nil)
    }
}
