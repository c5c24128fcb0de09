// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel

extension FuzzTarget {
    /// Sessions inside of a connection.
    static let mux: [FuzzTarget] = [
        FuzzTarget("mux-frame", seeds: { frameSeeds }) { bytes in
            let whole = frames(bytes, piece: max(1, bytes.count))
            require(whole == frames(bytes, piece: 1), "the same octet by octet")
            for frame in whole {
                var written = ByteBuffer()
                guard frame.writeHead(to: &written) else { continue }
                if let data = frame.data { written.writeImmutableBuffer(data) }
                let again = try? MuxFrame.read(&written)
                require(again == frame && written.readableBytes == 0, "what was read can be written and read again")
            }
        },
        FuzzTarget("mux-xudp", seeds: { frameSeeds }) { bytes in
            let codec = XUDPCodec()
            var buffer = ByteBuffer(bytes: bytes)
            let target = Destination(network: .udp, address: .ip(.loopbackV4), port: 53)
            while let packet = try? codec.decode(&buffer, defaultTarget: target) {
                require(packet.payload.readableBytes <= Int(UInt16.max), "a datagram is no longer than its length")
            }
        },
    ]

    private static func frames(_ bytes: [UInt8], piece: Int) -> [MuxFrame] {
        var frames: [MuxFrame] = []
        var buffer = ByteBuffer()
        var rest = bytes[...]
        do {
            while !rest.isEmpty {
                buffer.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
                while let frame = try MuxFrame.read(&buffer) { frames.append(frame) }
            }
        } catch {}
        return frames
    }

    private static let frameSeeds: [[UInt8]] = [
        [0, 0x14, 0, 1, 1, 0, 1, 1, 0xbb, 2, 11] + Array("example.com".utf8),
        [0, 0x14, 0, 0, 1, 1, 2, 0, 53, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0x71],
        [0, 4, 0, 1, 2, 1, 0, 5, 1, 2, 3, 4, 5, 0, 4, 0, 1, 3, 2, 0, 4, 0, 7, 4, 0],
        [0, 0x0c, 0, 2, 2, 1, 2, 0, 53, 1, 127, 0, 0, 1, 0, 1, 9],
    ]
}
