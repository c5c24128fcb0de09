// SPDX-License-Identifier: Apache-2.0
import ProxyCore
import ProxyModel

/// A session as the core would route it.
func session(
    to host: String = "a.example", port: UInt16 = 80, network: Network = .tcp, fromRemoteUser: Bool = false
) -> Session {
    Session(
        logID: 1, inboundTag: "in", inboundProtocol: "test", fromRemoteUser: fromRemoteUser, source: connection.source,
        local: connection.local,
        user: nil, level: 0, target: Destination(network: network, address: Address(host), port: port))
}
