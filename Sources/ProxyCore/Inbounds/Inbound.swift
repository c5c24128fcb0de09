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
    /// The configuration as it was given, for ListInbounds.
    let config: Xray_Core_InboundHandlerConfig
    /// Nil = targets of connections that the kernel brought here are not asked for.
    let redirection: Redirection?
    /// Nil = nothing is sniffed.
    let sniffing: SniffingSettings?
    let uplink: Counter?
    let downlink: Counter?
    private let listeners = Mutex<[any Channel]>([])
    private let isClosedForGood = Atomic<Bool>(false)

    init(
        tag: String, proto: any InboundProtocol, transport: InboundTransport, config: Xray_Core_InboundHandlerConfig,
        redirection: Redirection? = nil, sniffing: SniffingSettings? = nil, uplink: Counter?, downlink: Counter?
    ) {
        self.tag = tag
        self.proto = proto
        self.transport = transport
        self.config = config
        self.redirection = redirection
        self.sniffing = sniffing
        self.uplink = uplink
        self.downlink = downlink
    }

    func opened(_ listener: any Channel) {
        listeners.withLock { $0.append(listener) }
    }

    /// The addresses that are listened on, in the order in which they were opened.
    var localAddresses: [SocketAddress] {
        listeners.withLock { $0.compactMap(\.localAddress) }
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
        for listener in open { try? await listener.close() }
    }
}
