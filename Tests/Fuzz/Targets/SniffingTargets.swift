// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Sniffing

extension FuzzTarget {
    /// What is read of streams and datagrams before they are routed.
    static let sniffers: [FuzzTarget] = [
        FuzzTarget("sniff-stream", seeds: { streamSeeds }) { bytes in
            var sniffer = StreamSniffer()
            var piecewise = StreamSniffer()
            let whole = sniffer.look(at: ByteBuffer(bytes: bytes))
            check(whole)
            for count in 1..<max(1, bytes.count) {
                if case .found = piecewise.look(at: ByteBuffer(bytes: bytes[..<count])) { return }
            }
            guard !bytes.isEmpty else { return }
            require(piecewise.look(at: ByteBuffer(bytes: bytes)) == whole, "the same octet by octet")
        },
        FuzzTarget("sniff-datagrams", seeds: { [quicSeed, [UInt8](repeating: 0xc3, count: 64), utpSeed] }) { bytes in
            var sniffer = DatagramSniffer()
            // Two datagrams, so that what the first left behind is met by the second.
            check(sniffer.look(at: ByteBuffer(bytes: bytes.prefix(bytes.count / 2))))
            check(sniffer.look(at: ByteBuffer(bytes: bytes.suffix(bytes.count - bytes.count / 2))))
        },
        FuzzTarget("client-hello", seeds: { [hello] }) { bytes in
            if case .name(let bytes) = ClientHello.serverName(in: ByteBuffer(bytes: bytes)) {
                require(bytes.readableBytes > 0, "a name is not empty")
                guard let name = ClientHello.hostName(bytes) else { return }
                require(!name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "a name is host text")
            }
        },
    ]

    private static func check(_ verdict: SniffVerdict) {
        guard case .found(let content) = verdict else { return }
        require(content.domain.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "a domain is host text")
    }

    private static var streamSeeds: [[UInt8]] {
        [
            Array("GET /x HTTP/1.1\r\nA: b\r\nHost: example.com:80\r\n\r\n".utf8),
            Array("\u{13}BitTorrent protocol".utf8),
            [0x16, 3, 1, 0, UInt8(hello.count)] + hello,
        ]
    }

    private static var hello: [UInt8] {
        let name: [UInt8] = [0, 0, 0, 8, 0, 6, 0, 0, 3] + Array("a.b".utf8)
        let body: [UInt8] = [3, 3] + [UInt8](0..<32) + [0, 0, 2, 0x13, 1, 1, 0, 0, UInt8(name.count)] + name
        return [1, 0, 0, UInt8(body.count)] + body
    }

    private static let utpSeed: [UInt8] = [
        0x41, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0,
    ]

    private static let quicSeed: [UInt8] =
        [0xc3, 0, 0, 0, 1, 8] + [UInt8](1...8) + [0, 0, 0x40, 0x40] + [UInt8](repeating: 9, count: 64)
}
