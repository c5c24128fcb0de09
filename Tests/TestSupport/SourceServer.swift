// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP and UDP server on one port of 127.0.0.1 that answers with the IPv4 address of whoever connects or sends.
package final class SourceServer: Sendable {
    private let listener: TCPListener
    private let datagrams: Int32
    package var port: UInt16 { listener.port }

    package init() throws {
        listener = try .concurrent { connection in
            let from = Self.address { getpeername(connection, $0, $1) }
            _ = from.map { send(connection, $0.bytes, $0.bytes.count, Int32(MSG_NOSIGNAL)) }
        }
        let datagrams = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        self.datagrams = datagrams
        var own = TCPClient.loopback(listener.port)
        let status = withUnsafePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(datagrams, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure("the server cannot have the UDP port") }
        Thread {
            var byte = [UInt8](repeating: 0, count: 1)
            // Nothing is received when the socket has been shut down.
            while var from = Self.address({ Int32(recvfrom(datagrams, &byte, 1, 0, $0, $1)) - 1 }) {
                _ = withUnsafePointer(to: &from.address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        sendto(
                            datagrams, from.bytes, from.bytes.count, 0, $0,
                            socklen_t(MemoryLayout<sockaddr_in>.size))
                    }
                }
            }
            close(datagrams)
        }.start()
    }

    /// As ``TCPListener``: the socket is closed by the thread that uses it.
    package func stop() {
        listener.stop()
        shutdown(datagrams, Int32(SHUT_RDWR))
    }

    /// What a system call that gives 0 has filled in.
    private static func address(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> (address: sockaddr_in, bytes: [UInt8])? {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &size) }
        }
        guard status == 0 else { return nil }
        return (address, withUnsafeBytes(of: address.sin_addr) { Array($0) })
    }
}
