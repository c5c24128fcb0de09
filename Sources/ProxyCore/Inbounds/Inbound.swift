// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Synchronization
import Telemetry
import XrayProtos

/// An inbound in use: its tag, what it speaks, its counters, and its listeners.
final class Inbound: Sendable {
    let tag: String
    let proto: any InboundProtocol
    let transport: InboundTransport
    /// Nil = targets of connections and datagrams that the kernel brought here are not asked for.
    let redirection: Redirection?
    /// Nil = nothing is sniffed.
    let sniffing: SniffingSettings?
    let uplink: Counter?
    let downlink: Counter?
    private let listeners = Mutex<[Listener]>([])
    private let adoptions = Mutex<[(Listener.Place, Inbound)]>([])
    private let currentConfig: Mutex<Xray_Core_InboundHandlerConfig>
    private let isClosedForGood = Atomic<Bool>(false)

    init(
        tag: String, proto: any InboundProtocol, transport: InboundTransport, config: Xray_Core_InboundHandlerConfig,
        redirection: Redirection? = nil, sniffing: SniffingSettings? = nil, uplink: Counter?, downlink: Counter?
    ) {
        self.tag = tag
        self.proto = proto
        self.transport = transport
        currentConfig = Mutex(config)
        self.redirection = redirection
        self.sniffing = sniffing
        self.uplink = uplink
        self.downlink = downlink
    }

    /// The configuration as it was given, for ListInbounds.
    var config: Xray_Core_InboundHandlerConfig {
        get { currentConfig.withLock { $0 } }
        set { currentConfig.withLock { $0 = newValue } }
    }

    func opened(_ listener: Listener) {
        listeners.withLock { $0.append(listener) }
    }

    /// Lets a socket go that has failed.
    func forget(_ channel: any Channel) {
        listeners.withLock { $0.removeAll { ($0.socket as? ChannelSocket)?.channel === channel } }
    }

    /// Datagrams on its port were on their way to somebody else, whom the kernel names.
    var readsRedirectedDatagrams: Bool { redirection == .tproxy && proto.datagramFormat == nil }

    /// The addresses that are listened on, in the order in which they were opened.
    var localAddresses: [SocketAddress] {
        listeners.withLock { $0.compactMap(\.socket.localAddress) }
    }

    // MARK: Taking the place of another inbound

    /// Whether sockets on that place could be passed on.
    func listens(on place: Listener.Place) -> Bool {
        listeners.withLock { $0.contains { $0.place == place && $0.owner != nil } }
    }

    /// The sockets of another inbound on that place become this one's with ``beginAccepting()``.
    func adopt(_ place: Listener.Place, of other: Inbound) {
        adoptions.withLock { $0.append((place, other)) }
    }

    /// Lets others listen on the same ports from now on.
    func sharePorts() async {
        for listener in listeners.withLock({ $0 }) { await listener.socket.sharePort() }
    }

    /// Takes over what is to be adopted, and accepts on listeners that were opened without doing so.
    func beginAccepting() async {
        let adoptions = adoptions.withLock { adoptions in
            defer { adoptions = [] }
            return adoptions
        }
        for (place, other) in adoptions {
            let passed = other.listeners.withLock { listeners in
                defer { listeners.removeAll { $0.place == place } }
                return listeners.filter { $0.place == place }
            }
            for listener in passed { listener.owner?.inbound = self }
            listeners.withLock { $0 += passed }
        }
        for listener in listeners.withLock({ $0 }) { await listener.socket.beginReading() }
    }

    /// The listeners were closed: connections that were accepted live on, but open no more streams.
    var isClosed: Bool { isClosedForGood.load(ordering: .relaxed) }

    /// Closes the listeners; connections that were accepted live on.
    func closeListeners() async {
        isClosedForGood.store(true, ordering: .relaxed)
        let open = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in open { await listener.socket.close() }
    }
}
