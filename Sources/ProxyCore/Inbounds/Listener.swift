// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Synchronization

/// A listening socket of an inbound, which may pass to another one while it listens.
struct Listener: Sendable {
    /// What was asked for: the address that is listened on may be another one, where the host has no IPv6.
    enum Place: Sendable, Hashable {
        case tcp(SocketAddress)
        case udp(SocketAddress)
        case unix(String)
    }

    /// Whose connections the next ones are. One for each socket, so that no two event loops meet at the lock.
    final class Owner: Sendable {
        private let current: Mutex<Inbound>
        init(_ inbound: Inbound) { current = Mutex(inbound) }
        var inbound: Inbound {
            get { current.withLock { $0 } }
            set { current.withLock { $0 = newValue } }
        }
    }

    let place: Place
    let channel: any Channel
    /// Nil for what cannot pass to another inbound.
    let owner: Owner?
}
