// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import ProxyProtocols

extension FuzzTarget {
    /// Queries that the DNS outbound reads.
    static let names: [FuzzTarget] = [
        FuzzTarget("dns-query", seeds: { querySeeds }) { bytes in
            guard let query = DNSQuery(ByteBuffer(bytes: bytes)) else { return }
            let addresses = (0..<100).map { IPAddress.v4($0) } + (0..<100).map { IPAddress.v6(high: 0, low: $0) }
            for inDatagram in [true, false] {
                var answer = query.answer(code: 3, addresses: addresses, lifetime: .max, inDatagram: inDatagram)
                require(!inDatagram || answer.readableBytes <= 1232, "a datagram is no longer than all take")
                require(DNSQuery(answer) == nil, "an answer is no query")
                answer.setInteger(UInt16(0x0100), at: 2)
                let again = DNSQuery(answer)
                require(again?.name == query.name && again?.type == query.type, "an answer repeats the question")
            }
        },
        FuzzTarget("dns-stream", seeds: { [querySeeds.flatMap { [0, UInt8($0.count)] + $0 }] }) { bytes in
            require(
                messages(bytes, piece: max(1, bytes.count)) == messages(bytes, piece: 1), "the same octet by octet")
        },
    ]

    private static func messages(_ bytes: [UInt8], piece: Int) -> [ByteBuffer] {
        let target = Destination(network: .tcp, address: .ip(.loopbackV4), port: 53)
        let codec = LengthPacketCodec()
        var messages: [ByteBuffer] = []
        var buffer = ByteBuffer()
        var rest = bytes[...]
        while !rest.isEmpty {
            buffer.writeBytes(rest.prefix(piece))
            rest = rest.dropFirst(piece)
            while let packet = try? codec.decode(&buffer, defaultTarget: target) { messages.append(packet.payload) }
        }
        return messages
    }

    private static let querySeeds: [[UInt8]] = [
        [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 7] + Array("example".utf8) + [0, 0, 1, 0, 1],
        [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0x61, 0, 0, 28, 0, 1, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0],
        [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1],
    ]
}
