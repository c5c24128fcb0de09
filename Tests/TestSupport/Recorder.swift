// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// A TCP forwarder on 127.0.0.1 that serves one connection and keeps what the client has sent.
package final class Recorder: Sendable {
    private let wire = Wire()
    private let listener: TCPListener
    package var port: UInt16 { listener.port }

    /// - Parameter gate: Waited for before a byte is passed on.
    package init(to target: UInt16, after gate: DispatchSemaphore? = nil) throws {
        listener = try TCPListener { [wire] client in
            guard wire.isFirst else {
                close(client)
                return
            }
            gate?.wait()
            wire.carry(client, to: target)
        }
    }

    package var uplink: [UInt8] { wire.uplink }

    package func stop() { listener.stop() }
}

private final class Wire: @unchecked Sendable {  // guarded by the lock
    private let lock = NSLock()
    private var sent: [UInt8] = []
    private var isTaken = false
    /// Directions that have ended; the connection is closed with the second, because its number may be given to another one.
    private var ended = 0

    var uplink: [UInt8] { lock.withLock { sent } }

    /// True once.
    var isFirst: Bool {
        lock.withLock {
            defer { isTaken = true }
            return !isTaken
        }
    }

    func carry(_ client: Int32, to target: UInt16) {
        guard let server = try? TCPClient(port: target, timeout: 60) else {
            close(client)
            return
        }
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
    }

    private func end(_ connection: Int32) {
        let isLast = lock.withLock {
            ended += 1
            return ended == 2
        }
        if isLast { close(connection) }
    }
}
