// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

@testable import ProxyProtocols

extension FuzzTarget {
    /// The padded blocks of VLESS's flow.
    static let vision: [FuzzTarget] = [
        FuzzTarget("vision-read", seeds: { [id.bytes + [0, 0, 2, 0, 1, 7, 7, 0, 1, 0, 1, 0, 0, 9, 8, 8]] }) { bytes in
            // The first block is never cut: what comes first decides whether there are any.
            let first = min(bytes.count, 21)
            require(
                payload(bytes, first: first, piece: bytes.count) == payload(bytes, first: first, piece: 1),
                "octet by octet")
        },
        FuzzTarget("vision-write", seeds: { [[0x16, 3, 1, 0, 10, 1, 0, 0], [0x17, 3, 3, 0, 1, 9]] }) { bytes in
            let writer = VisionCodec(id: id, isClient: false)
            let reader = VisionCodec(id: id, isClient: false)
            let half = bytes.count / 2
            for part in [bytes[..<half], bytes[half...]] where !part.isEmpty {
                var wire = writer.encode(ByteBuffer(bytes: part), allocator: ByteBufferAllocator())
                var read: [UInt8] = []
                while wire.readableBytes > 0, let content = try? reader.decode(&wire) {
                    read += content.readableBytesView
                }
                require(read == Array(part), "what is written is read")
                require(writer.writesDirect == reader.readsDirect, "both ends leave TLS at the same byte")
            }
        },
    ]

    private static let id = UserID(high: 0xb831_381d_6324_4d53, low: 0xad4f_8cda_48b3_0811)

    private static func payload(_ bytes: [UInt8], first: Int, piece: Int) -> [UInt8] {
        let codec = VisionCodec(id: id, isClient: false)
        var buffer = ByteBuffer()
        var rest = bytes[...]
        var read: [UInt8] = []
        var count = first
        while !rest.isEmpty {
            buffer.writeBytes(rest.prefix(max(1, count)))
            rest = rest.dropFirst(max(1, count))
            count = piece
            do {
                while let part = try codec.decode(&buffer) { read += part.readableBytesView }
            } catch {
                return read
            }
        }
        return read
    }
}
