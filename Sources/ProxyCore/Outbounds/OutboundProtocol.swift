// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// What an outbound does with a session. One object serves all sessions, from all event loops; the decisions are pure,
/// the core carries them out.
package protocol OutboundProtocol: AnyObject, Sendable {
    /// The name in the configuration (`freedom`).
    var name: String { get }
    func stream(for session: Session) -> StreamPlan
    func packets(for session: Session) -> PacketPlan
    /// Sessions go to their targets, and not to a server, unless another outbound carries them.
    var isDirect: Bool { get }
    /// Its bytes are HTTP/1 when nothing else carries them, so that TLS must not agree on another version.
    var speaksHTTP1: Bool { get }
    /// Whether datagrams to this target go with those to other targets of the same source; asked once for each target.
    func sharing(_ target: Destination) -> PacketSharing
}

extension OutboundProtocol {
    package var isDirect: Bool { false }
    package var speaksHTTP1: Bool { false }
    package func sharing(_ target: Destination) -> PacketSharing { .shared }
}

package enum PacketSharing: Sendable, Equatable {
    /// In one flow, so that far ends see one address (full cone).
    case shared
    /// Each target has a flow of its own, and what comes back is from that target.
    case alone
    /// They are dropped; with the reason, for the log.
    case refused(String)
}

package enum StreamPlan {
    /// Connect, then relay.
    case dial(DialPlan)
    /// Swallow what comes, send `response` if there is one, and close after `hold`.
    case discard(response: ByteBuffer?, hold: TimeAmount)
    /// Give the inbound connection to a server inside this process.
    case serve(any InProcessServer)
    /// Answer the messages in it, which are framed like this.
    case queries(QueryPlan, framing: any PacketStreamCodec)
    /// Ask the router again, as if it had come in elsewhere.
    case reenter(ReentryPlan)
    case refuse(String)
}

package indirect enum PacketPlan {
    /// A UDP socket per source; `admits` is asked for every target address.
    case socket(PacketSocketPlan)
    /// Frames in a connection that is dialled.
    case stream(PacketStreamPlan)
    /// Each in a datagram of its own to a server.
    case relay(PacketRelayPlan)
    /// Answer each.
    case queries(QueryPlan)
    /// Swallow everything.
    case discard
    /// Ask the router again, as if they had come in elsewhere.
    case reenter(ReentryPlan)
    case refuse(String)
}

/// Where a session seems to come from when it is routed once more.
package struct ReentryPlan: Sendable {
    package var inboundTag: String
    /// Nil = nothing is sniffed this time.
    package var sniffing: SniffingSettings?

    package init(inboundTag: String, sniffing: SniffingSettings?) {
        self.inboundTag = inboundTag
        self.sniffing = sniffing
    }
}

/// How to connect for a stream.
package struct DialPlan {
    package var target: Destination
    /// A unix socket's path in place of the target's address; `@name` is an abstract one.
    package var unixPath: String?
    package var resolution: DomainResolution
    /// Asked with each address before it is dialled; nil = all are admitted.
    package var admits: (@Sendable (IPAddress, UInt16) -> Bool)?
    package var localAddress: IPAddress?
    /// The far side's body format; nil = payload as it is.
    package var codec: (any StreamCodec)?
    /// A header in front of everything, that tells the far side where the connection comes from.
    package var proxyHeader: ProxyHeader?
    /// What is said to the far side before payload flows; nil = nothing.
    package var handshake: (any ClientHandshake)?
    /// The codec is a ``DirectCopyCodec``: TLS 1.3 on a socket is needed.
    package var copiesDirectly = false

    package struct ProxyHeader: Equatable, Sendable {
        /// 1 or 2.
        package var version: Int
        package var source: Endpoint
        /// Nil = the address that was dialled.
        package var target: Endpoint?

        package init(version: Int, source: Endpoint, target: Endpoint? = nil) {
            self.version = version
            self.source = source
            self.target = target
        }

        /// The header for a connection.
        func bytes(on channel: any Channel) -> ByteBuffer? {
            let dialled = channel.remoteAddress.flatMap(Endpoint.init) ?? .unspecified
            return PROXYHeader.bytes(version, source: source, target: target ?? dialled)
        }
    }

    package init(
        target: Destination, resolution: DomainResolution = .asIs,
        admits: (@Sendable (IPAddress, UInt16) -> Bool)? = nil, localAddress: IPAddress? = nil,
        codec: (any StreamCodec)? = nil
    ) {
        self.target = target
        self.resolution = resolution
        self.admits = admits
        self.localAddress = localAddress
        self.codec = codec
    }
}

package struct PacketSocketPlan {
    package var resolution: DomainResolution
    package var admits: (@Sendable (IPAddress, UInt16) -> Bool)?
    package var localAddress: IPAddress?
    /// Replaces every target, where the outbound is configured to redirect.
    package var redirect: (@Sendable (Destination) -> Destination)?

    package init(
        resolution: DomainResolution = .asIs, admits: (@Sendable (IPAddress, UInt16) -> Bool)? = nil,
        localAddress: IPAddress? = nil, redirect: (@Sendable (Destination) -> Destination)? = nil
    ) {
        self.resolution = resolution
        self.admits = admits
        self.localAddress = localAddress
        self.redirect = redirect
    }
}

/// Datagrams framed in a connection to a server.
package struct PacketStreamPlan {
    package var dial: DialPlan
    /// Writes and reads the frames, behind the dial's handshake.
    package var codec: any PacketStreamCodec

    package init(dial: DialPlan, codec: any PacketStreamCodec) {
        self.dial = dial
        self.codec = codec
    }
}

/// Datagrams that a server takes on a UDP port, one for each of ours and with the target inside.
package struct PacketRelayPlan {
    /// Where they go; with an association, the server that the connection was made to.
    package var server: Destination
    package var codec: any DatagramCodec
    /// A connection that opens the server's port, and that lives as long as the datagrams flow (SOCKS5 UDP ASSOCIATE).
    package var association: Association?
    /// Of the socket that they leave by; one of the other family than the server's is not used.
    package var localAddress: IPAddress?

    package struct Association {
        package var dial: DialPlan
        package var handshake: any AssociateHandshake

        package init(dial: DialPlan, handshake: any AssociateHandshake) {
            self.dial = dial
            self.handshake = handshake
        }
    }

    package init(server: Destination, codec: any DatagramCodec, association: Association? = nil) {
        self.server = server
        self.codec = codec
        self.association = association
    }
}

/// Which addresses of a domain are dialled, in which order.
package enum DomainResolution: Sendable, Equatable {
    /// Whatever the system resolver gives, in its order.
    case asIs
    case only4
    case only6
    case prefer4
    case prefer6
}

/// A server inside this process that takes over inbound connections (the API in legacy mode).
package protocol InProcessServer: AnyObject, Sendable {
    /// Adds the server's handlers to the end of the channel's pipeline; called on the channel's event loop.
    func takeOver(_ channel: any Channel) -> EventLoopFuture<Void>
}
