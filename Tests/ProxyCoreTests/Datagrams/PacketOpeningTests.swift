// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Testing

@testable import ProxyCore

struct PacketOpeningTests {
    private let peer = Destination(network: .udp, address: .ip(.loopbackV4), port: 53)

    /// In a buffer that would hold the longest.
    private func datagram(_ count: Int) -> Packet {
        var buffer = ByteBufferAllocator().buffer(capacity: DatagramIO.largestDatagram)
        buffer.writeRepeatingByte(7, count: count)
        return Packet(payload: buffer, peer: peer)
    }

    @Test(arguments: [0, 20, 1_200, 40_000])
    func datagramsThatWaitForARouteTakeLittleMoreThanTheirLength(count: Int) {
        let session = Session(
            logID: 1, inboundTag: "in", inboundProtocol: "test", fromRemoteUser: true, source: .unspecified,
            local: .unspecified, user: nil, level: 0, target: peer)
        let opening = PacketOpening(to: peer, as: session, nil)
        _ = opening.add(datagram(count))
        let kept = opening.packets.map(\.payload)
        #expect(kept == [datagram(count).payload])
        #expect(kept.allSatisfy { $0.storageCapacity <= max(2 * count, 64) })
    }
}
