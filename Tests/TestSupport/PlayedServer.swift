// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// A TCP server on 127.0.0.1 that plays a part with its first connection.
package final class PlayedServer: Sendable {
    private final class Outcome: Sendable {
        let result = Mutex<Result<Void, any Error>?>(nil)
    }

    private let played = Outcome()
    private let listener: TCPListener
    package var port: UInt16 { listener.port }

    package init(_ part: @escaping @Sendable (TCPClient) throws -> Void) throws {
        listener = try TCPListener { [played] connection in
            let client = TCPClient(accepted: connection)
            guard played.result.withLock({ $0 == nil }) else { return }
            let outcome = Result { try part(client) }
            played.result.withLock { $0 = outcome }
        }
    }

    /// True when the part was played to its end; throws what broke it off.
    package func outcome() throws -> Bool {
        guard Wait.until({ played.result.withLock { $0 != nil } }) else { return false }
        try played.result.withLock { $0 }?.get()
        return true
    }

    package func stop() { listener.stop() }
}

/// Passes connections on to a port of 127.0.0.1, and keeps what crosses them.
package final class TapServer: Sendable {
    package final class Recording: Sendable {
        private let bytes = Mutex<[UInt8]>([])

        fileprivate func add(_ more: ArraySlice<UInt8>) { bytes.withLock { $0 += more } }

        package func contains(_ pattern: [UInt8]) -> Bool {
            bytes.withLock { Data($0).range(of: Data(pattern)) != nil }
        }
    }

    package let up = Recording()
    package let down = Recording()
    private let listener: TCPListener
    package var port: UInt16 { listener.port }

    package init(to target: UInt16) throws {
        listener = try TCPListener { [up, down] near in
            guard let far = try? TCPClient.connected(to: target) else {
                close(near)
                return
            }
            Thread { Self.copy(near, far, up) }.start()
            Thread { Self.copy(far, near, down) }.start()
        }
    }

    package func stop() { listener.stop() }

    private static func copy(_ from: Int32, _ to: Int32, _ recording: Recording) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(from, &buffer, buffer.count, 0), count > 0 {
            recording.add(buffer[..<count])
            var sent = 0
            while sent < count {
                let done = buffer.withUnsafeBytes {
                    send(to, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                guard done > 0 else { break }
                sent += done
            }
        }
        shutdown(to, Int32(SHUT_WR))
    }
}
