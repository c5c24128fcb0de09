// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP server on 127.0.0.1: reads two 32-bit numbers (bytes to read in all, bytes to send), then does that, again and
/// again on the same connection.
package final class ByteServer: Sendable {
    private let listener: TCPListener
    package var port: UInt16 { listener.port }

    package init() throws {
        listener = try .concurrent { Self.serve($0) }
    }

    package func stop() { listener.stop() }

    private static func serve(_ connection: Int32) {
        while let head = read(connection, 8) {
            let up = head[..<4].reduce(0) { $0 << 8 | Int($1) }
            let down = head[4...].reduce(0) { $0 << 8 | Int($1) }
            guard up >= 8, read(connection, up - 8) != nil else { return }
            var left = down
            let chunk = [UInt8](repeating: 0x64, count: 65_536)
            while left > 0 {
                let count = send(connection, chunk, min(left, chunk.count), Int32(MSG_NOSIGNAL))
                guard count > 0 else { return }
                left -= count
            }
        }
    }

    private static func read(_ connection: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var have = 0
        while have < count {
            let got = bytes.withUnsafeMutableBytes { recv(connection, $0.baseAddress! + have, count - have, 0) }
            guard got > 0 else { return nil }
            have += got
        }
        return bytes
    }
}
