// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP server that reads to the end of the stream, then sends everything back and closes.
package final class HalfCloseServer: Sendable {
    private let listener: TCPListener
    package var port: UInt16 { listener.port }

    package init() throws {
        listener = try .concurrent { Self.serve($0) }
    }

    package func stop() { listener.stop() }

    private static func serve(_ connection: Int32) {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(connection, &part, part.count, 0), count > 0 { all += part[..<count] }
        _ = send(connection, all, all.count, Int32(MSG_NOSIGNAL))
    }
}
