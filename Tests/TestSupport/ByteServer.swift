// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP server on 127.0.0.1: reads two 32-bit numbers (bytes to read in all, bytes to send), then does that, again and
/// again on the same connection.
package final class ByteServer: @unchecked Sendable {  // the descriptor is set once, before the thread starts
    package let port: UInt16
    private let descriptor: Int32

    package init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = TCPClient.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 ? getsockname(descriptor, pointer, &size) : -1
            }
        }
        guard status == 0, listen(descriptor, 64) == 0 else { throw Failure("the byte server cannot listen") }
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in accept() }.start()
    }

    package func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    private func accept() {
        while true {
            let connection = Foundation.accept(descriptor, nil, nil)
            guard connection >= 0 else { return }
            Thread { Self.serve(connection) }.start()
        }
    }

    private static func serve(_ connection: Int32) {
        defer { close(connection) }
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
