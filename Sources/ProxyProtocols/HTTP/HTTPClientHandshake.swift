// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Asks an HTTP/1 proxy for a tunnel, and reads its answer up to the empty line; anything but 200 is a refusal.
package struct HTTPClientHandshake: ClientHandshake {
    /// Longest head of an answer, in bytes.
    private static let headLimit = 64 * 1024

    private let target: Destination
    private let fields: [(name: String, value: String)]
    private var isSent = false
    /// Bytes of the answer in which no end was found.
    private var searched = 0

    package init(target: Destination, fields: [(name: String, value: String)] = []) {
        self.target = target
        self.fields = fields
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> ClientHandshakeStep {
        guard isSent else {
            isSent = true
            return .send(request)
        }
        guard let length = HTTPHeadLength.find(in: buffer.readableBytesView, from: searched) else {
            guard buffer.readableBytes < Self.headLimit else { return .fail("the proxy's answer has no end") }
            searched = buffer.readableBytes
            return .needMore
        }
        guard let head = buffer.readSlice(length: length) else { return .needMore }
        let status = head.readableBytesView.prefix { $0 != 0x0d && $0 != 0x0a }
        let parts = status.split(separator: 0x20, maxSplits: 2)
        guard parts.count >= 2, parts[0].starts(with: Array("HTTP/1.".utf8)) else {
            return .fail("the server is no HTTP proxy")
        }
        guard parts[1].elementsEqual("200".utf8) else {
            return .fail("the proxy answers \(String(decoding: status.dropFirst(parts[0].count + 1), as: UTF8.self))")
        }
        return .done
    }

    private var request: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeString("CONNECT \(target.hostAndPort) HTTP/1.1\r\nHost: \(target.hostAndPort)\r\n")
        for (name, value) in fields { buffer.writeString("\(name): \(value)\r\n") }
        buffer.writeString("Proxy-Connection: Keep-Alive\r\n\r\n")
        return buffer
    }
}
