// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// A listening TCP socket on a free port of 127.0.0.1, and a thread that accepts its connections.
///
/// The thread closes the socket when ``stop()`` has woken it: closed elsewhere, its number could be another test's when the
/// thread uses it next.
package final class TCPListener: Sendable {
    package let port: UInt16
    private let descriptor: Int32
    private let isClosed = Mutex(false)

    /// - Parameter serve: Called on the thread with each connection, one after the other; it closes them.
    package init(_ serve: @escaping @Sendable (Int32) -> Void) throws {
        (descriptor, port) = try TCPClient.listener()
        Thread { [self] in
            while case let connection = accept(descriptor, nil, nil), connection >= 0 { serve(connection) }
            isClosed.withLock {
                $0 = true
                close(descriptor)
            }
        }.start()
    }

    /// Each connection has a thread of its own, which ends with it.
    package static func concurrent(_ serve: @escaping @Sendable (Int32) -> Void) throws -> TCPListener {
        try TCPListener { connection in
            Thread {
                serve(connection)
                close(connection)
            }.start()
        }
    }

    /// No connection is accepted any more; those that are there live on.
    package func stop() {
        isClosed.withLock { if !$0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }
}

/// A TCP server on 127.0.0.1 that accepts by the kernel and reads nothing.
package final class SilentServer: Sendable {
    package let port: UInt16
    private let descriptor: Int32

    /// - Parameter port: One of the kernel's choice, unless it is given.
    package init(on port: UInt16 = 0) throws {
        (descriptor, self.port) = try TCPClient.listener(on: port)
    }

    package func stop() { close(descriptor) }
}
