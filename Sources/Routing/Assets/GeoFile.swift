// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Finds one list in a file of `xray.common.geodata.GeoIPList` or `GeoSiteList`: a series of length-delimited fields 1,
/// each a message whose field 1, at its head, is the code.
struct GeoFile {
    enum Failure: String, Error {
        case noSuchCode = "no such code"
        case malformed = "malformed file"
    }

    /// A code is shorter than that; longer ones are never found.
    private static let longestCode = 200

    private let handle: FileHandle

    init(_ handle: FileHandle) {
        self.handle = handle
    }

    /// The bytes of the list's message.
    /// - Throws: `Failure`, or what reading throws.
    func list(code: String) throws -> Data {
        let code = Data(code.utf8)
        guard !code.isEmpty, code.count <= Self.longestCode else { throw Failure.noSuchCode }
        let size = try handle.seekToEnd()
        var offset: UInt64 = 0
        while offset < size {
            try handle.seek(toOffset: offset)
            guard var head = try handle.read(upToCount: 16 + Self.longestCode) else { throw Failure.malformed }
            let available = head.count
            guard head.popFirst() == 0x0a, let length = Self.takeVarint(&head) else { throw Failure.malformed }
            let start = offset + UInt64(available - head.count)
            guard length <= size - start else { throw Failure.malformed }
            head = head.prefix(Int(clamping: length))
            if head.popFirst() == 0x0a, Self.takeVarint(&head) == UInt64(code.count), head.prefix(code.count) == code {
                let count = Int(clamping: length)
                try handle.seek(toOffset: start)
                guard let bytes = try handle.read(upToCount: count), bytes.count == count else {
                    throw Failure.malformed
                }
                return bytes
            }
            offset = start + length
        }
        throw Failure.noSuchCode
    }

    private static func takeVarint(_ bytes: inout Data) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 63, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}
