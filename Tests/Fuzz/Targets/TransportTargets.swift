// SPDX-License-Identifier: Apache-2.0
import NIOCore
import SwiftProtobuf
import XrayProtos

@testable import ProxyCore

extension FuzzTarget {
    /// What stands in front of a protocol's bytes on a connection.
    static let transports: [FuzzTarget] = [
        FuzzTarget("transport-client-hello", seeds: { [hello, Array(hello.dropLast(3)), [22, 3, 1, 0, 1, 1]] }) {
            bytes in
            let whole = ServerName.peek(ByteBuffer(bytes: bytes))
            guard whole != .needMore else { return }
            let more = ServerName.peek(ByteBuffer(bytes: bytes + [0, 1, 2, 3]))
            require(more == whole, "what follows changes nothing: \(whole) \(more)")
        },
        FuzzTarget(
            "websocket-frames",
            seeds: { [[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], [0x88, 0x80, 0, 0, 0, 0]] }
        ) { bytes in
            for role in [WebSocketFrames.Role.server, .client] {
                let whole = frames(role, bytes, piece: max(bytes.count, 1))
                let cut = frames(role, bytes, piece: 1)
                require(whole == cut, "the same octet by octet:\n\(whole)\n\(cut)")
            }
        },
        FuzzTarget("http-head", texts: ["GET /a?b HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\n\r\nrest"]) {
            text in
            let bytes = Array(text.utf8)
            require(head(bytes, piece: max(bytes.count, 1)) == head(bytes, piece: 1), "the same octet by octet")
        },
        // In front of the streams of whoever comes to a port, and of what a server answers.
        FuzzTarget(
            "http-obfuscation",
            texts: [
                "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\nrest", "HTTP/1.1 200 OK\r\n\r\n", "SSH-2.0-x\r\n", "a\n\n\r\n\r\n",
            ]
        ) { text in
            let bytes = Array(text.utf8)
            let whole = obfuscation(bytes, piece: max(bytes.count, 1))
            require(whole == obfuscation(bytes, piece: 1), "the same octet by octet: \(whole)")
        },
        FuzzTarget(
            "proxy-header",
            seeds: {
                [
                    Array("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n".utf8),
                    [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12]
                        + [1, 2, 3, 4, 5, 6, 7, 8, 4, 0x57, 8, 0xae],
                ]
            }
        ) { bytes in
            var buffer = ByteBuffer(bytes: bytes)
            let outcome = PROXYHeader.read(&buffer)
            if case .header = outcome { return }
            require(buffer.readableBytes == bytes.count, "nothing is taken of what is no header")
        },
        FuzzTarget(
            "grpc-hunks",
            seeds: {
                [
                    [0, 0, 0, 0, 7, 0x0a, 2, 0x61, 0x62, 0x0a, 1, 0x63], [0, 0, 0, 0, 6, 0x10, 0x96, 1, 0x0a, 1, 7],
                    [0, 0, 0, 0, 12, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x0a, 1, 8], [0, 0x40, 0, 0, 0, 0x0a, 0x80],
                ]
            }
        ) { bytes in
            let whole = hunks(bytes, piece: max(bytes.count, 1))
            require(whole == hunks(bytes, piece: 1), "the same octet by octet: \(whole)")
        },
        FuzzTarget("certificate-name", seeds: { [[0x30, 3, 0x30, 1, 0]] }) { _ = CommonName.of($0) },
    ]

    private static let hello: [UInt8] =
        [22, 3, 1, 0, 66, 1, 0, 0, 62, 3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0, 0, 19]
        + [0, 0, 0, 15, 0, 13, 0, 0, 10] + Array("a.example.".utf8)

    private static func frames(_ role: WebSocketFrames.Role, _ bytes: [UInt8], piece: Int) -> [String] {
        var frames = WebSocketFrames(role: role)
        var buffer = ByteBuffer()
        var rest = bytes[...]
        var data: [UInt8] = []
        var said: [String] = []
        do {
            while true {
                while let event = try frames.next(&buffer) {
                    switch event {
                    case .data(let part): data += part.readableBytesView
                    case .ping(let part): said.append("ping \(Array(part.readableBytesView)) at \(data.count)")
                    case .pong: said.append("pong at \(data.count)")
                    case .close: return said + ["close", "\(data)"]
                    }
                }
                guard !rest.isEmpty else { return said + ["\(data)"] }
                buffer.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
            }
        } catch {
            return said + ["\(data)", "an error"]
        }
    }

    private static func hunks(_ bytes: [UInt8], piece: Int) -> String {
        var decoder = HunkDecoder()
        var rest = bytes[...]
        var data: [UInt8] = []
        do throws(HunkFault) {
            while !rest.isEmpty {
                var buffer = ByteBuffer(bytes: rest.prefix(piece))
                rest = rest.dropFirst(piece)
                while let part = try decoder.next(&buffer) {
                    require(part.readableBytes > 0, "no piece is empty")
                    data += part.readableBytesView
                }
            }
        } catch {
            return "\(data) \(error)"
        }
        return "\(data) \(decoder.isBetweenMessages)"
    }

    private static let plan = try? HTTPObfuscationServerPlan(
        .with {
            $0.request.uri = ["/a"]
            $0.response = .init()
        })

    private static func obfuscation(_ bytes: [UInt8], piece: Int) -> String {
        var reader = ObfuscationHeadReader()
        var rest = bytes[...]
        var isRuledOut = false
        while !rest.isEmpty {
            let part = ByteBuffer(bytes: rest.prefix(piece))
            rest = rest.dropFirst(piece)
            switch reader.read(part) {
            case .needMore:
                isRuledOut = isRuledOut || plan?.canBegin(with: reader.received.readableBytesView) == false
            case .tooLong:
                return "too long"
            case .head(let head, let more):
                guard let verdict = plan?.verdict(on: head) else { return "no plan" }
                require(verdict != .welcome || !isRuledOut, "what is welcome was never ruled out")
                require(head.readableBytes <= ObfuscationHead.limit, "no head is longer than the limit")
                return "\(head.readableBytes) \(more.readableBytes + rest.count) \(verdict)"
            }
        }
        return "needs more of \(reader.received.readableBytes)"
    }

    private static func head(_ bytes: [UInt8], piece: Int) -> String {
        var buffer = ByteBuffer()
        var scanned = 0
        var rest = bytes[...]
        while true {
            switch UpgradeHead.read(&buffer, limit: 512, scanned: &scanned) {
            case .head(let head): return "\(head.start) \(head.headers) \(head.path ?? "-")"
            case .invalid: return "invalid"
            case .tooLarge: return "too large"
            case .needMore:
                guard !rest.isEmpty else { return "needs more" }
                buffer.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
            }
        }
    }
}
