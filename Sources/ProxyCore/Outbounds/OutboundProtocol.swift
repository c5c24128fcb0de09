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
}

package enum StreamPlan {
    /// Connect, then relay.
    case dial(DialPlan)
    /// Swallow what comes, send `response` if there is one, and close after `hold`.
    case discard(response: ByteBuffer?, hold: TimeAmount)
    /// Give the inbound connection to a server inside this process.
    case serve(any InProcessServer)
    case refuse(String)
}

package enum PacketPlan {
    /// A UDP socket per source; `admits` is asked for every target address.
    case socket(PacketSocketPlan)
    /// Swallow everything.
    case discard
    case refuse(String)
}

/// How to connect for a stream.
package struct DialPlan {
    package var target: Destination
    package var resolution: DomainResolution
    /// Asked with each address before it is dialled; nil = all are admitted.
    package var admits: (@Sendable (IPAddress, UInt16) -> Bool)?
    package var localAddress: IPAddress?
    /// The far side's body format; nil = payload as it is.
    package var codec: (any StreamCodec)?
    /// What is said to the far side before payload flows; nil = nothing.
    package var handshake: (any ClientHandshake)?

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
