// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// A TCP forwarder on 127.0.0.1 that serves one connection and keeps what the client has sent.
package final class Recorder: @unchecked Sendable {  // `sent` is guarded by the lock, the rest is fixed
    package let port: UInt16
    private let descriptor: Int32
    private let lock = NSLock()
    private var sent: [UInt8] = []
    /// Directions that have ended; the connection is closed with the second, because its number may be given to another one.
    private var ended = 0

    /// - Parameter gate: Waited for before a byte is passed on.
    package init(to target: UInt16, after gate: DispatchSemaphore? = nil) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = TCPClient.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 ? getsockname(descriptor, pointer, &size) : -1
            }
        }
        guard status == 0, listen(descriptor, 1) == 0 else { throw Failure("the recorder cannot listen") }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in
            let client = accept(descriptor, nil, nil)
            gate?.wait()
            guard client >= 0, let server = try? TCPClient(port: target, timeout: 60) else { return }
            nonisolated(unsafe) let far = server
            Thread { [self] in
                while let part = try? far.receive(), !part.isEmpty {
                    _ = send(client, part, part.count, Int32(MSG_NOSIGNAL))
                }
                shutdown(client, Int32(SHUT_WR))
                end(client)
            }.start()
            var part = [UInt8](repeating: 0, count: 65_536)
            while case let count = recv(client, &part, part.count, 0), count > 0 {
                let bytes = Array(part[..<count])
                lock.withLock { sent += bytes }
                try? far.send(bytes)
            }
            far.endOutput()
            end(client)
        }.start()
    }

    private func end(_ connection: Int32) {
        let isLast = lock.withLock {
            ended += 1
            return ended == 2
        }
        if isLast { close(connection) }
    }

    package var uplink: [UInt8] { lock.withLock { sent } }

    package func stop() { close(descriptor) }
}
