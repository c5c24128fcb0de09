// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// The header in front of a connection that tells where it comes from: versions 1 (text) and 2 (binary) of the PROXY protocol,
/// <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>.
package enum PROXYHeader {
    struct Addresses: Equatable {
        var source: Endpoint
        var local: Endpoint
    }

    enum Outcome: Equatable {
        case needMore
        /// Nil = the socket's own addresses stand (`UNKNOWN`, `LOCAL`).
        case header(Addresses?)
        case invalid
    }

    private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
    private static let prefix: [UInt8] = Array("PROXY ".utf8)
    /// Section 2.1: the longest line, with its line end.
    private static let longestLine = 107

    /// Reads a header and moves behind it; leaves the buffer where it is when there is none.
    static func read(_ buffer: inout ByteBuffer) -> Outcome {
        let bytes = buffer.readableBytesView
        if bytes.starts(with: signature) { return readBinary(&buffer) }
        if bytes.starts(with: prefix) { return readText(&buffer) }
        let isBeginning = signature.starts(with: bytes) || prefix.starts(with: bytes)
        return isBeginning ? .needMore : .invalid
    }

    /// The header of version 1 or 2; nil for another version. Ends that are no addresses make one that says "unknown".
    package static func bytes(_ version: Int, source: Endpoint, target: Endpoint) -> ByteBuffer? {
        let isKnown = source != .unspecified && source.ip.isIPv4 == target.ip.isIPv4
        switch version {
        case 1:
            guard isKnown else { return ByteBuffer(string: "PROXY UNKNOWN\r\n") }
            let family = source.ip.isIPv4 ? "TCP4" : "TCP6"
            return ByteBuffer(string: "PROXY \(family) \(source.ip) \(target.ip) \(source.port) \(target.port)\r\n")
        case 2:
            var header = ByteBuffer(bytes: signature)
            guard isKnown else {
                header.writeBytes([0x20, 0x00, 0x00, 0x00])
                return header
            }
            header.writeBytes([0x21, source.ip.isIPv4 ? 0x11 : 0x21])
            header.writeInteger(UInt16(source.ip.isIPv4 ? 12 : 36))
            header.writeBytes(source.ip.bytes)
            header.writeBytes(target.ip.bytes)
            header.writeInteger(source.port)
            header.writeInteger(target.port)
            return header
        default:
            return nil
        }
    }

    private static func readText(_ buffer: inout ByteBuffer) -> Outcome {
        let bytes = buffer.readableBytesView.prefix(longestLine)
        guard let end = bytes.firstIndex(of: 0x0a) else {
            return bytes.count == longestLine ? .invalid : .needMore
        }
        let length = end - bytes.startIndex + 1
        let line = bytes[..<end]
        guard line.last == 0x0d else { return .invalid }
        let words = line.dropLast().split(separator: 0x20, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard words.count >= 2 else { return .invalid }
        var addresses: Addresses?
        switch words[1] {
        case "UNKNOWN":
            break
        case "TCP4", "TCP6":
            guard words.count == 6, let source = IPAddress(words[2]), let local = IPAddress(words[3]),
                let sourcePort = UInt16(words[4]), let localPort = UInt16(words[5])
            else { return .invalid }
            addresses = Addresses(
                source: Endpoint(ip: source, port: sourcePort), local: Endpoint(ip: local, port: localPort))
        default:
            return .invalid
        }
        buffer.moveReaderIndex(forwardBy: length)
        return .header(addresses)
    }

    private static func readBinary(_ buffer: inout ByteBuffer) -> Outcome {
        var rest = buffer
        rest.moveReaderIndex(forwardBy: signature.count)
        guard let command = rest.readInteger(as: UInt8.self) else { return .needMore }
        guard command == 0x20 || command == 0x21 else { return .invalid }
        guard let family = rest.readInteger(as: UInt8.self), let length = rest.readInteger(as: UInt16.self) else {
            return .needMore
        }
        guard var body = rest.readSlice(length: Int(length)) else { return .needMore }
        var addresses: Addresses?
        if command == 0x21 {
            switch family {
            case 0x11, 0x12: addresses = read(&body, width: 4)
            case 0x21, 0x22: addresses = read(&body, width: 16)
            // Unspecified, and unix sockets, which have no address to speak of.
            case 0x00, 0x31, 0x32: return finish(nil, &buffer, rest)
            default: return .invalid
            }
            guard addresses != nil else { return .invalid }
        }
        return finish(addresses, &buffer, rest)
    }

    private static func finish(_ addresses: Addresses?, _ buffer: inout ByteBuffer, _ rest: ByteBuffer) -> Outcome {
        buffer = rest
        return .header(addresses)
    }

    private static func read(_ body: inout ByteBuffer, width: Int) -> Addresses? {
        guard let source = body.readBytes(length: width).flatMap({ IPAddress(bytes: $0) }),
            let local = body.readBytes(length: width).flatMap({ IPAddress(bytes: $0) }),
            let sourcePort = body.readInteger(as: UInt16.self), let localPort = body.readInteger(as: UInt16.self)
        else { return nil }
        return Addresses(source: Endpoint(ip: source, port: sourcePort), local: Endpoint(ip: local, port: localPort))
    }
}
