// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// A freshly accepted connection, as a protocol sees it.
package struct AcceptedConnection {
    package var source: Endpoint
    package var local: Endpoint
    /// The name in the client's TLS hello, in lower case; empty without TLS, and where the client names none.
    package var serverName: String
    /// The application protocol that TLS agreed on; empty without TLS, and when none was.
    package var alpn: String
    /// The connection is TLS 1.3 on a socket, which bytes can pass by (XTLS direct copy).
    package var allowsDirectCopy: Bool
    /// Where the connection was going before the kernel redirected it; nil for one that was not, or whose inbound does not
    /// follow redirections.
    package var originalTarget: Endpoint?

    package init(
        source: Endpoint, local: Endpoint, serverName: String = "", alpn: String = "", allowsDirectCopy: Bool = false,
        originalTarget: Endpoint? = nil
    ) {
        self.source = source
        self.local = local
        self.serverName = serverName
        self.alpn = alpn
        self.allowsDirectCopy = allowsDirectCopy
        self.originalTarget = originalTarget
    }
}

/// What an inbound speaks. One object serves all connections of one inbound, from all event loops.
package protocol InboundProtocol: AnyObject, Sendable {
    /// The name in the configuration (`vless`).
    var name: String { get }
    /// TCP: connections are accepted; UDP: datagrams are, and `packetTarget` answers for them.
    var networks: Set<Network> { get }
    /// True for protocols that serve remote users: `freedom` then keeps them from private addresses unless told otherwise.
    var servesRemoteUsers: Bool { get }
    /// The level whose handshake time-out applies, and the level of users that have none.
    var userLevel: UInt32 { get }
    /// The user table, or nil where the API cannot change users.
    var users: (any UserManaging)? { get }
    func accept(_ connection: AcceptedConnection) -> any StreamHandshake
    /// Streams may ask to pass the inbound's TLS by (see ``DirectCopyCodec``).
    var copiesDirectly: Bool { get }
    /// Its bytes are HTTP/1 when nothing else carries them, so that TLS must not agree on another version.
    var speaksHTTP1: Bool { get }
    /// Reads the datagrams on the inbound's own UDP port; nil where they have no header, `packetTarget` then answers.
    var datagramFormat: (any InboundDatagramFormat)? { get }
    /// Where a datagram without a header that arrived on the inbound's own UDP port goes; nil = drop it.
    /// - Parameter original: Where it was going before the kernel brought it here; nil for one that was not redirected, or whose
    ///   inbound does not follow redirections.
    func packetTarget(local: Endpoint, original: Endpoint?) -> Destination?
}

extension InboundProtocol {
    package var users: (any UserManaging)? { nil }
    package var servesRemoteUsers: Bool { false }
    package var copiesDirectly: Bool { false }
    package var speaksHTTP1: Bool { false }
    package var datagramFormat: (any InboundDatagramFormat)? { nil }
    package func packetTarget(local: Endpoint, original: Endpoint?) -> Destination? { nil }
}
