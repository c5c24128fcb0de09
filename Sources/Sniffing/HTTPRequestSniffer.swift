// SPDX-License-Identifier: Apache-2.0
import Foundation
package import NIOCore

/// Reads the host and the headers of an HTTP/1 request that is not complete yet.
package enum HTTPRequestSniffer {
    private static let methods = ["get", "post", "head", "put", "delete", "options", "connect"].map { Array($0.utf8) }
    private static let lineFeed = UInt8(ascii: "\n")

    /// Methods are those that Xray knows, in either case. A request without a host is not taken for HTTP.
    package static func look(at buffer: ByteBuffer) -> SniffVerdict {
        let bytes = buffer.readableBytesView
        let start = bytes.prefix(7).map { $0 | 0x20 }
        guard methods.contains(where: { start.starts(with: $0) }) else {
            return methods.contains(where: { $0.starts(with: start) }) ? .needsMore : .notThis
        }
        var content = SniffedContent(protocolName: "http1")
        var rest = bytes[...]
        guard let first = nextLine(&rest) else { return .needsMore }
        let words = first.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        if words.count == 3 {
            content.attributes[":method"] = text(words[0])
            content.attributes[":path"] = text(words[1])
        }
        var isComplete = false
        var count = 0
        while let line = nextLine(&rest) {
            count += 1
            guard !line.isEmpty, count <= SniffLimits.headers else {
                isComplete = true
                break
            }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = text(line[..<colon]).lowercased()
            let value = text(trimmed(line[line.index(after: colon)...]))
            content.attributes[name] = value
            if name == "host" {
                guard let host = host(value) else { return .notThis }
                content.domain = host
            }
        }
        guard content.domain.isEmpty else { return .found(content) }
        return isComplete ? .notThis : .needsMore
    }

    /// The next line without its end; nil when the end is not there yet.
    private static func nextLine(_ rest: inout ByteBufferView.SubSequence) -> ByteBufferView.SubSequence? {
        guard let end = rest.firstIndex(of: lineFeed) else { return nil }
        var line = rest[..<end]
        if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        rest = rest[rest.index(after: end)...]
        return line
    }

    private static func trimmed(_ bytes: ByteBufferView.SubSequence) -> ByteBufferView.SubSequence {
        var bytes = bytes.drop { $0 == 0x20 || $0 == 0x09 }
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes = bytes.dropLast() }
        return bytes
    }

    private static func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// The host of a `Host` value in lower case, without its port and without the brackets of IPv6.
    private static func host(_ value: String) -> String? {
        var host = Array(value.lowercased().utf8)[...]
        if host.first == UInt8(ascii: "[") {
            guard let end = host.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.firstIndex(of: UInt8(ascii: ":")) {
            host = host[..<colon]
        }
        return isHostText(host) ? text(host) : nil
    }
}
