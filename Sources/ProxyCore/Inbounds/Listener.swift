// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Synchronization

/// What an inbound's listener does with its socket. Thread-safe.
protocol ListeningSocket: Sendable {
    /// Nil once it is closed.
    var localAddress: SocketAddress? { get }
    /// Lets others listen on the same port from now on.
    func sharePort() async
    /// Takes in connections or datagrams, which have waited in the kernel.
    func beginReading() async
    func close() async
}

struct ChannelSocket: ListeningSocket {
    let channel: any Channel

    var localAddress: SocketAddress? { channel.localAddress }

    func sharePort() async {
        // Sockets without a port have no such option.
        try? await channel.setOption(InboundListener.sharedPort, value: 1).get()
    }

    func beginReading() async { try? await channel.setOption(.autoRead, value: true).get() }

    func close() async { try? await channel.close() }
}

/// A listening socket of an inbound, which may pass to another one while it listens.
struct Listener: Sendable {
    /// What was asked for: the address that is listened on may be another one, where the host has no IPv6.
    enum Place: Sendable, Hashable {
        case tcp(SocketAddress)
        case udp(SocketAddress)
        case unix(String)
    }

    /// Whose connections and datagrams the next ones are. One for each socket, so that no two event loops meet at the lock.
    final class Owner: Sendable {
        private let current: Mutex<Inbound>
        init(_ inbound: Inbound) { current = Mutex(inbound) }
        var inbound: Inbound {
            get { current.withLock { $0 } }
            set { current.withLock { $0 = newValue } }
        }
    }

    let place: Place
    let socket: any ListeningSocket
    /// Nil for what cannot pass to another inbound.
    let owner: Owner?
}
