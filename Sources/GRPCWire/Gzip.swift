// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import NIOCore

/// Whole messages in the gzip format (RFC 1952).
enum Gzip {
    enum InflateFailure: Error {
        case tooLarge
        case malformed
    }

    /// Nil when memory is short.
    static func compress(_ message: ByteBuffer) -> ByteBuffer? {
        message.withUnsafeReadableBytes { bytes in
            var length = 0
            guard
                let output = cnghttp2_gzip_compress(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &length)
            else { return nil }
            defer { cnghttp2_gzip_free(output) }
            return ByteBuffer(bytes: UnsafeRawBufferPointer(start: output, count: length))
        }
    }

    static func inflate(_ message: ByteBuffer, limit: Int) throws(InflateFailure) -> ByteBuffer {
        var output: UnsafeMutablePointer<UInt8>?
        var length = 0
        let verdict = message.withUnsafeReadableBytes { bytes in
            cnghttp2_gzip_inflate(
                bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, max(limit, 0), &output, &length)
        }
        defer { cnghttp2_gzip_free(output) }
        switch verdict {
        case 0: return ByteBuffer(bytes: UnsafeRawBufferPointer(start: output, count: length))
        case 1: throw .tooLarge
        default: throw .malformed
        }
    }
}
