// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct LengthPacketCodecTests {
    private let codec = LengthPacketCodec()
    private let target = Destination(network: .udp, address: .ip(.loopbackV4), port: 53)

    @Test func readsFramesAsTheyBecomeComplete() throws {
        var input = ByteBuffer()
        var payloads: [String] = []
        for byte in bytes("00036f6e65 0000 000374776f") {
            input.writeInteger(byte)
            while let packet = try codec.decode(&input, defaultTarget: target) {
                #expect(packet.peer == target)
                payloads.append(String(buffer: packet.payload))
            }
        }
        #expect(payloads == ["one", "two"])
        #expect(input.readableBytes == 0)
    }

    @Test func writesALengthAndTheData() {
        let packet = Packet(payload: ByteBuffer(string: "U21002:one"), peer: target)
        #expect(codec.encode(packet, allocator: .init()).map(hex) == "000a5532313030323a6f6e65")
    }

    @Test func emptyAndOversizedDatagramsCannotBeWritten() {
        #expect(codec.encode(Packet(payload: ByteBuffer(), peer: target), allocator: .init()) == nil)
        let large = ByteBuffer(repeating: 0, count: 65536)
        #expect(codec.encode(Packet(payload: large, peer: target), allocator: .init()) == nil)
    }
}
