// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Glibc
import NIOCore
import XrayProtos

/// The head of an HTTP/1.1 message that is written in front of a stream to make it look like one. Each line of it is one of
/// several, drawn anew for each connection.
struct ObfuscationHead: Sendable {
    typealias Header = Xray_Transport_Internet_Headers_Http_Header

    /// The longest head with its empty line, as in the original.
    static let limit = 8192

    private let lines: [[String]]
    /// The time is told in a header of its own.
    private let isDated: Bool
    private let capacity: Int

    /// - Parameter start: What the first line can be.
    /// - Throws: For a head that no peer could read.
    init(start: [String], headers: [Header], isResponse: Bool) throws(ControlError) {
        let lines =
            [start]
            + headers.map { header in
                header.value.isEmpty ? ["\(header.name): "] : header.value.map { "\(header.name): \($0)" }
            }
        let endsHead = { (line: String) in
            HTTPHeadLength.find(in: ByteBuffer(string: "\r\n\(line)\r\n").readableBytesView, from: 0) != nil
        }
        if let line = lines.joined().first(where: endsHead) {
            throw ControlError("the header http has an empty line in \(line.debugDescription)")
        }
        self.init(lines, isDated: isResponse && !headers.contains { $0.name.lowercased() == "date" })
        guard capacity <= Self.limit else {
            let kind = isResponse ? "response" : "request"
            throw ControlError(
                "the \(kind) of the header http can have \(capacity) bytes; \(Self.limit) are the most")
        }
    }

    private init(_ lines: [[String]], isDated: Bool) {
        self.lines = lines
        self.isDated = isDated
        capacity = lines.reduce(isDated ? 39 : 2) { $0 + ($1.map(\.utf8.count).max() ?? 0) + 2 }
    }

    /// What a server says instead of its response to what is no request of its clients, as in the original.
    static func refusal(_ status: String) -> ObfuscationHead {
        ObfuscationHead(
            [["HTTP/1.1 \(status)"], ["Connection: close"], ["Cache-Control: private"], ["Content-Length: 0"]],
            isDated: true)
    }

    /// - Parameter seconds: The time, in seconds since 1970.
    func bytes(at seconds: time_t = time(nil)) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(capacity)
        for line in lines {
            buffer.writeString(line.count > 1 ? line.randomElement() ?? "" : line.first ?? "")
            buffer.writeStaticString("\r\n")
        }
        if isDated { buffer.writeString("Date: \(Self.date(seconds))\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    /// RFC 9110 section 5.6.7; `strftime` would ask for the language of the process.
    private static func date(_ seconds: time_t) -> String {
        var seconds = seconds
        var time = tm()
        gmtime_r(&seconds, &time)
        func digits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let days = "SunMonTueWedThuFriSat".dropFirst(3 * Int(time.tm_wday)).prefix(3)
        let months = "JanFebMarAprMayJunJulAugSepOctNovDec".dropFirst(3 * Int(time.tm_mon)).prefix(3)
        let clock = [time.tm_hour, time.tm_min, time.tm_sec].map(digits).joined(separator: ":")
        return "\(days), \(digits(time.tm_mday)) \(months) \(1900 + time.tm_year) \(clock) GMT"
    }
}
