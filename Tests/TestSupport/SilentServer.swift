// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP server on 127.0.0.1 that accepts by the kernel and reads nothing.
package final class SilentServer: Sendable {
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
    }

    package func stop() { close(descriptor) }
}
