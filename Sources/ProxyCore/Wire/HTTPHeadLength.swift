// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Where the head of an HTTP/1 message ends (RFC 9112 section 2.2).
package enum HTTPHeadLength {
    /// The length of the head with its empty line, or nil when that has not come yet. Lines end in CRLF or a bare line
    /// feed.
    /// - Parameter searched: How many bytes were searched before in vain, so that a head that comes byte by byte is searched once.
    package static func find(in bytes: ByteBufferView, from searched: Int) -> Int? {
        var index = bytes.startIndex + max(0, min(searched, bytes.count) - 3)
        while let end = bytes[index...].firstIndex(of: 0x0a) {
            var next = end + 1
            if next < bytes.endIndex, bytes[next] == 0x0d { next += 1 }
            if next < bytes.endIndex, bytes[next] == 0x0a { return next + 1 - bytes.startIndex }
            index = end + 1
        }
        return nil
    }
}
