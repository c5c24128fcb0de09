// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A blocking UDP socket on 127.0.0.1, with a time-out.
package final class UDPSocket: @unchecked Sendable {  // the descriptor never changes; the kernel serialises calls
    package let port: UInt16
    private let descriptor: Int32

    /// - Parameter timeout: How long ``receive()`` waits, in seconds.
    package init(timeout: Int = 60) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = TCPClient.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 ? getsockname(descriptor, pointer, &size) : -1
            }
        }
        guard status == 0 else { throw Failure("no UDP socket") }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }

    package func send(_ bytes: [UInt8], to port: UInt16) throws {
        var address = TCPClient.loopback(port)
        let count = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard count == bytes.count else { throw Failure("sendto: \(String(cString: strerror(errno)))") }
    }

    /// The next datagram and the port that it came from.
    package func receive() throws -> (bytes: [UInt8], port: UInt16) {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &bytes, bytes.count, 0, $0, &size)
            }
        }
        guard count >= 0 else { throw Failure("recvfrom: \(String(cString: strerror(errno)))") }
        return (Array(bytes[..<count]), UInt16(bigEndian: address.sin_port))
    }

    /// Sends every datagram back for as long as the socket lives.
    package func echoInBackground() {
        Thread { [weak self] in
            while let socket = self {
                guard let (bytes, port) = try? socket.receive() else { continue }
                try? socket.send(bytes, to: port)
            }
        }.start()
    }
}
