// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// The head of an HTTP/1.1 message (RFC 9112) that opens a transport: a request for an upgrade, or its answer.
struct UpgradeHead: Equatable {
    /// How long a peer may take to send one, as in the original.
    static let patience = TimeAmount.seconds(4)
    private static let headerLimit = 64

    /// The three parts of the first line.
    var start: [String] = []
    /// Names in lower case, in the order in which they came.
    var headers: [(name: String, value: String)] = []

    enum Outcome: Equatable {
        case needMore
        case head(UpgradeHead)
        case invalid
        case tooLarge
    }

    static func == (left: UpgradeHead, right: UpgradeHead) -> Bool {
        left.start == right.start && left.headers.map(\.name) == right.headers.map(\.name)
            && left.headers.map(\.value) == right.headers.map(\.value)
    }

    /// Reads a head and moves behind it; leaves the buffer where it is when there is none.
    /// - Parameter scanned: How many bytes were searched for the end before; kept by the caller from call to call, so that a
    ///   head that comes byte by byte is searched once.
    static func read(_ buffer: inout ByteBuffer, limit: Int, scanned: inout Int) -> Outcome {
        let searched = scanned
        scanned = min(buffer.readableBytes, limit)
        guard let length = HTTPHeadLength.find(in: buffer.readableBytesView.prefix(limit), from: searched) else {
            return buffer.readableBytes >= limit ? .tooLarge : .needMore
        }
        guard let text = buffer.readSlice(length: length) else { return .needMore }
        return parse(text.readableBytesView).map(Outcome.head) ?? .invalid
    }

    private static func parse(_ bytes: ByteBufferView) -> UpgradeHead? {
        var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
            .map { $0.last == 0x0d ? $0.dropLast() : $0 }
        guard let first = lines.first, !first.contains(where: { $0 < 0x20 }) else { return nil }
        lines.removeFirst()
        var head = UpgradeHead()
        head.start = first.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard head.start.count == 3 else { return nil }
        for line in lines where !line.isEmpty {
            guard let colon = line.firstIndex(of: 0x3a), colon > line.startIndex, head.headers.count < headerLimit
            else {
                return nil
            }
            let name = line[..<colon]
            guard !name.contains(where: { $0 <= 0x20 || $0 >= 0x7f }) else { return nil }
            let value = line[(colon + 1)...]
            guard !value.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7f }) else { return nil }
            let text = String(decoding: value, as: UTF8.self)
            head.headers.append(
                (String(decoding: name, as: UTF8.self).lowercased(), String(text.trimmingBlanks)))
        }
        return head
    }

    /// The first header of this name (lower case).
    subscript(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// Whether a header that is a list has this word in it, in any case.
    func lists(_ word: String, in name: String) -> Bool {
        headers.contains { header in
            header.name == name
                && header.value.split(separator: ",").contains { $0.trimmingBlanks.lowercased() == word }
        }
    }

    /// The path of a request, decoded, without its query.
    var path: String? {
        guard start.count == 3 else { return nil }
        var target = start[1][...]
        if !target.hasPrefix("/") {
            // The absolute form: what is behind the authority.
            guard let colon = target.firstIndex(of: ":"), target[colon...].hasPrefix("://") else { return nil }
            target = target[colon...].dropFirst(3)
            target = target.firstIndex(of: "/").map { target[$0...] } ?? "/"
        }
        return String(target.prefix { $0 != "?" && $0 != "#" }).decodingPercents
    }

    /// Whether the Host header names this host, whatever port is behind it.
    func isFor(host: String) -> Bool {
        guard !host.isEmpty else { return true }
        guard let given = self["host"] else { return false }
        return Self.withoutPort(given).lowercased() == Self.withoutPort(host).lowercased()
    }

    private static func withoutPort(_ host: String) -> Substring {
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return host[...end] }
        guard let colon = host.firstIndex(of: ":"), host[host.index(after: colon)...].allSatisfy(\.isNumber) else {
            return host[...]
        }
        return host[..<colon]
    }

    /// Where the request comes from, if another address than `peer` is believed.
    func source(from peer: Endpoint, trusting forwarders: TrustedForwarders) -> Endpoint? {
        forwarders.source(self["x-forwarded-for"], from: peer) { self[$0] != nil }
    }
}

extension StringProtocol {
    var trimmingBlanks: SubSequence {
        var text = self[...]
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}

extension String {
    /// With `%41` and the like replaced; nil for a `%` without two digits behind it.
    fileprivate var decodingPercents: String? {
        guard utf8.contains(0x25) else { return self }
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.digit), let low = rest.popFirst().flatMap(Self.digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
