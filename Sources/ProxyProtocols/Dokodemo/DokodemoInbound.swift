// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import NIOCore
package import ProxyCore
package import ProxyModel
package import XrayProtos

/// `dokodemo-door`, also called `tunnel`: every connection and datagram goes to a configured target, or, with `followRedirect`,
/// to where it was going before the kernel brought it here.
package final class DokodemoInbound: InboundProtocol {
    package let name = "dokodemo-door"
    package let networks: Set<Network>
    package let userLevel: UInt32
    /// Nil = the loopback address of the listener's family.
    private let address: Address?
    /// 0 = the local port.
    private let port: UInt16
    /// Replacements of the target, either part or both, by local port.
    private let portMap: [UInt16: (address: Address?, port: UInt16?)]
    private let followsRedirect: Bool

    package init(_ config: Xray_Proxy_Dokodemo_Config) throws(ControlError) {
        let scope = "proxy/dokodemo"
        networks = ProxyProtocols.networks(config.allowedNetworks).intersection([.tcp, .udp])
        guard !networks.isEmpty else { throw ControlError("\(scope): no network specified") }
        followsRedirect = config.followRedirect
        guard let port = UInt16(exactly: config.rewritePort) else {
            throw ControlError("\(scope): invalid port: \(config.rewritePort)")
        }
        self.port = port
        address = try config.rewriteAddress.host()
        userLevel = config.userLevel
        var portMap: [UInt16: (address: Address?, port: UInt16?)] = [:]
        for (key, value) in config.portMap {
            guard let local = UInt16(key), let target = Self.target(value) else {
                throw ControlError("\(scope): invalid port mapping: \(key) -> \(value)")
            }
            portMap[local] = target
        }
        self.portMap = portMap
    }

    package func accept(_ connection: AcceptedConnection) -> any StreamHandshake {
        guard followsRedirect else {
            return DokodemoHandshake(target: target(network: .tcp, local: connection.local))
        }
        return DokodemoHandshake(target: redirectedTarget(connection))
    }

    /// The target before the redirection; without one the name in the client's TLS hello, which this inbound has answered, or
    /// what is configured.
    private func redirectedTarget(_ connection: AcceptedConnection) -> Destination? {
        if let original = connection.originalTarget {
            return Destination(network: .tcp, address: .ip(original.ip), port: original.port)
        }
        let name = connection.serverName.isEmpty ? nil : Address(connection.serverName)
        guard let address = name ?? address else { return nil }
        return Destination(network: .tcp, address: address, port: port == 0 ? connection.local.port : port)
    }

    package func packetTarget(local: Endpoint, original: Endpoint?) -> Destination? {
        guard networks.contains(.udp) else { return nil }
        guard followsRedirect else { return target(network: .udp, local: local) }
        if let original { return Destination(network: .udp, address: .ip(original.ip), port: original.port) }
        return address.map { Destination(network: .udp, address: $0, port: port == 0 ? local.port : port) }
    }

    private func target(network: Network, local: Endpoint) -> Destination {
        let mapped = portMap[local.port]
        let loopback = Address.ip(local.ip.isIPv4 ? .loopbackV4 : .loopbackV6)
        return Destination(
            network: network, address: mapped?.address ?? address ?? loopback,
            port: mapped?.port ?? (port == 0 ? local.port : port))
    }

    /// `host:port`, `:port` or `host:`, IPv6 hosts in brackets.
    private static func target(_ text: String) -> (address: Address?, port: UInt16?)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard !host.contains(":") || (host.hasPrefix("[") && host.hasSuffix("]")) else { return nil }
        guard digits.isEmpty || UInt16(digits) != nil else { return nil }
        return (host.isEmpty ? nil : Address(String(host)), UInt16(digits))
    }
}

/// Nothing is read: the request is known before the first byte.
package struct DokodemoHandshake: StreamHandshake {
    private let target: Destination?

    /// - Parameter target: Nil = the connection is refused.
    package init(target: Destination?) {
        self.target = target
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        guard let target else { return .reject(HandshakeRejection("not redirected")) }
        return .stream(StreamRequest(target: target))
    }
}
