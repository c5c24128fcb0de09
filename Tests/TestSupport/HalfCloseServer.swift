// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP server that reads to the end of the stream, then sends everything back and closes.
package final class HalfCloseServer: Sendable {
    package let port: UInt16
    private let descriptor: Int32

    package init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = TCPClient.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 ? getsockname(descriptor, pointer, &size) : -1
            }
        }
        guard status == 0, listen(descriptor, 16) == 0 else { throw Failure("the server cannot listen") }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
        Thread {
            while case let connection = accept(descriptor, nil, nil), connection >= 0 {
                Thread { Self.serve(connection) }.start()
            }
        }.start()
    }

    package func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    private static func serve(_ connection: Int32) {
        defer { close(connection) }
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(connection, &part, part.count, 0), count > 0 { all += part[..<count] }
        _ = send(connection, all, all.count, Int32(MSG_NOSIGNAL))
    }
}
