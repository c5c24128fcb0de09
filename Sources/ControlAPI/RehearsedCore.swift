// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// A core without a network, for trying scripts: it is told what peers do, and does with it what it does with sockets. Users are
/// looked up, sessions are routed, flows are listed, counted and closed, and everything else is the core itself.
package protocol RehearsedCore: ControlPlane {
    /// Opens a flow as an accepted connection of this user would, and tells its number and outbound.
    /// - Throws: ``ControlError`` where the core would turn the connection away: no such user, no outbound, refused by the outbound.
    func connect(_ connection: RehearsedConnection) async throws -> FlowSummary
    /// Moves payload through a live flow; false when there is none of this number.
    func move(_ flow: UInt64, up: Int64, down: Int64) async -> Bool
    /// The peer closes its flow; false when there is none of this number.
    func disconnect(_ flow: UInt64) async -> Bool
    /// A peer's handshake is refused.
    func reject(inbound: String, source: Endpoint, reason: String) throws
    /// Lets this much time have passed since the core was made: flows that were idle for too long end.
    func pass(to uptime: Duration) async
    /// Ends all flows. The core is of no use after that.
    func end() async
}

/// A connection that a peer makes to a ``RehearsedCore``.
package struct RehearsedConnection: Sendable, Equatable {
    /// Nil = the first inbound that has the user.
    package var inbound: String?
    /// Empty for an inbound without users.
    package var email: String
    package var source: Endpoint
    package var target: Destination

    package init(inbound: String?, email: String, source: Endpoint, target: Destination) {
        self.inbound = inbound
        self.email = email
        self.source = source
        self.target = target
    }
}
