// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel

@testable import ProxyProtocols

extension FuzzTarget {
    /// What servers answer to our outbounds.
    static let clientHandshakes: [FuzzTarget] = [
        client("socks", seeds: [[5, 0, 5, 0, 0, 1, 1, 2, 3, 4, 0, 80, 9], [5, 2, 1, 0, 5, 1, 0, 3, 1, 0x61, 0, 80]]) {
            SOCKSClientHandshake(target: target, account: .init(username: "u", password: "p"))
        },
        client("http", seeds: ["HTTP/1.1 200 OK\r\nX: y\r\n\r\nabc", "HTTP/1.0 407 No\r\n\r\n"].map { Array($0.utf8) })
        {
            HTTPClientHandshake(target: target)
        },
        FuzzTarget("vless-response", seeds: { [[0, 2, 9, 9, 1, 2, 3], [0, 0]] }) { bytes in
            let codec = VLESSResponseCodec()
            var buffer = ByteBuffer(bytes: bytes)
            while let part = try? codec.decode(&buffer), part.readableBytes > 0 {}
        },
    ]

    /// Datagrams, in streams and alone.
    static let packets: [FuzzTarget] = [
        FuzzTarget(
            "socks-datagram", seeds: { [[0, 0, 0, 1, 127, 0, 0, 1, 0, 53, 1, 2], [0, 0, 0, 3, 1, 0x61, 0, 53]] }
        ) {
            bytes in
            let codec = SOCKSDatagramCodec()
            guard let packet = codec.decode(ByteBuffer(bytes: bytes)) else { return }
            let written = codec.encode(packet, allocator: ByteBufferAllocator())
            require(written.flatMap(codec.decode)?.peer == packet.peer, "a datagram reads back as it was written")
        },
        FuzzTarget("trojan-packets", seeds: { [[1, 127, 0, 0, 1, 0, 53, 0, 2, 13, 10, 7, 7]] }) { bytes in
            let codec = TrojanPacketCodec()
            var buffer = ByteBuffer(bytes: bytes)
            while (try? codec.decode(&buffer, defaultTarget: target)) != nil {}
        },
    ]

    private static let target = Destination(network: .tcp, address: .domain("example.com"), port: 80)

    private static func client(
        _ name: String, seeds: [[UInt8]], _ make: @escaping @Sendable () -> any ClientHandshake
    ) -> FuzzTarget {
        FuzzTarget("client-\(name)", seeds: { seeds }) { bytes in
            let whole = outcome(make(), bytes, piece: max(bytes.count, 1))
            let cut = outcome(make(), bytes, piece: 1)
            require(whole == cut, "the same octet by octet:\n\(whole)\n\(cut)")
        }
    }

    private static func outcome(_ handshake: any ClientHandshake, _ bytes: [UInt8], piece: Int) -> [String] {
        var handshake = handshake
        var buffer = ByteBuffer()
        var rest = bytes[...]
        var said: [String] = []
        while true {
            switch handshake.receive(&buffer) {
            case .needMore:
                guard !rest.isEmpty else { return said + ["needs more"] }
                buffer.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
            case .send(let request):
                require(said.count < 16, "requests end")
                said.append("send \(Array(request.readableBytesView))")
            case .done:
                return said + ["done, \(buffer.readableBytes + rest.count) octets left"]
            case .fail(let why):
                return said + ["fail: \(why)"]
            }
        }
    }
}
