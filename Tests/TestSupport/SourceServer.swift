// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP and UDP server on one port of 127.0.0.1 that answers with the IPv4 address of whoever connects or sends.
package final class SourceServer: Sendable {
    package let port: UInt16
    private let listener: Int32
    private let datagrams: Int32

    package init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let datagrams = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = TCPClient.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, size) == 0 && getsockname(listener, pointer, &size) == 0
                    && bind(datagrams, pointer, size) == 0
            }
        }
        guard status, listen(listener, 16) == 0 else { throw Failure("the server cannot listen") }
        port = UInt16(bigEndian: address.sin_port)
        self.listener = listener
        self.datagrams = datagrams
        Thread {
            while case let (connection, from) = Self.next(from: { accept(listener, $0, $1) }), connection >= 0 {
                _ = send(connection, from, from.count, Int32(MSG_NOSIGNAL))
                close(connection)
            }
            close(listener)
        }.start()
        Thread {
            var byte = [UInt8](repeating: 0, count: 1)
            while true {
                var address = sockaddr_in()
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                let count = withUnsafeMutablePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(datagrams, &byte, 1, 0, $0, &size) }
                }
                // Nothing: it is being stopped.
                guard count > 0 else { break }
                let from = withUnsafeBytes(of: address.sin_addr) { Array($0) }
                _ = withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        sendto(datagrams, from, from.count, 0, $0, size)
                    }
                }
            }
            close(datagrams)
        }.start()
    }

    /// The threads close their sockets: once closed here, a number could stand for another test's socket when they use it next.
    package func stop() {
        for descriptor in [listener, datagrams] { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    private static func next(
        from call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> (descriptor: Int32, from: [UInt8]) {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &size) }
        }
        return (descriptor, withUnsafeBytes(of: address.sin_addr) { Array($0) })
    }
}
