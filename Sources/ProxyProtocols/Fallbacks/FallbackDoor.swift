// SPDX-License-Identifier: Apache-2.0
import NIOCore
package import ProxyCore
import ProxyModel

/// What a handshake does with bytes that are not of its protocol: a fallback where there is one, else as without.
package struct FallbackDoor: Sendable {
    private let table: FallbackTable?
    let connection: AcceptedConnection

    package init(_ table: FallbackTable?, _ connection: AcceptedConnection) {
        self.table = table
        self.connection = connection
    }

    /// - Parameter first: Everything that was received.
    func refuse(_ reason: String, _ first: ByteBuffer) -> HandshakeStep {
        fallback(reason, first) ?? .reject(HandshakeRejection(reason))
    }

    /// For fewer bytes than a header's first part has: a client of the protocol would have sent it in one piece.
    func waitOrFallBack(_ first: ByteBuffer) -> HandshakeStep {
        fallback("short header", first) ?? .needMore
    }

    private func fallback(_ reason: String, _ first: ByteBuffer) -> HandshakeStep? {
        guard
            let fallback = table?.choose(serverName: connection.serverName, alpn: connection.alpn, first: first)
        else { return nil }
        var plan: DialPlan
        switch fallback.target {
        case .tcp(let target):
            plan = DialPlan(target: target)
        case .unix(let path):
            plan = DialPlan(target: Destination(network: .unix, address: .domain(path), port: 0))
            plan.unixPath = path
        }
        if fallback.proxyHeader > 0 {
            plan.proxyHeader = DialPlan.ProxyHeader(
                version: fallback.proxyHeader, source: connection.source, target: connection.local)
        }
        return .fallback(FallbackRequest(dial: plan, reason: reason))
    }
}
