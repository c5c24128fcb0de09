// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
import ProxyModel
package import XrayProtos

/// Connects to the target itself.
///
/// `fragment` and `noises` are refused. The level in `userLevel` is not looked at: the session's applies.
package final class FreedomOutbound: OutboundProtocol {
    package let name = "freedom"
    package let isDirect = true
    private let resolution: DomainResolution
    private let rules: FinalRules
    /// Replaces the target's address; nil = kept.
    private let address: Address?
    /// Replaces the target's port; 0 = kept.
    private let port: UInt16
    /// 0 = none, else the version of the PROXY header in front of each stream.
    private let proxyHeader: Int

    package init(_ config: Xray_Proxy_Freedom_Config) throws(ControlError) {
        let scope = "proxy/freedom"
        guard !config.hasFragment else { throw .notAvailable(scope, "fragment") }
        guard config.noises.isEmpty else { throw .notAvailable(scope, "noises") }
        guard config.proxyProtocol <= 2 else {
            throw ControlError("\(scope): invalid PROXY protocol version, \(config.proxyProtocol) (known: 0, 1, 2)")
        }
        proxyHeader = Int(config.proxyProtocol)
        resolution = try DomainResolution(config.domainStrategy, scope: scope)
        rules = try FinalRules(config.finalRules)
        let server = config.destinationOverride.server
        guard let port = UInt16(exactly: server.port) else {
            throw ControlError("\(scope): invalid port: \(server.port)")
        }
        self.port = port
        let address = try server.address.host()
        self.address = address?.ip == .anyV4 ? nil : address
    }

    package func stream(for session: Session) -> StreamPlan {
        let target = redirected(session.target)
        let admits = admission(.tcp, session)
        if let admits, let ip = target.address.ip, !admits(ip, target.port) {
            return .refuse("\(target) is not open to this inbound's users: blocked by finalRules or their default")
        }
        var plan = DialPlan(target: target, resolution: resolution, admits: admits)
        if proxyHeader > 0 { plan.proxyHeader = DialPlan.ProxyHeader(version: proxyHeader, source: session.source) }
        return .dial(plan)
    }

    package func packets(for session: Session) -> PacketPlan {
        var plan = PacketSocketPlan(resolution: resolution, admits: admission(.udp, session))
        if address != nil || port != 0 {
            plan.redirect = { [address, port] target in Self.redirect(target, address: address, port: port) }
        }
        return .socket(plan)
    }

    /// Nil where no address would be turned away.
    private func admission(_ network: Network, _ session: Session) -> (@Sendable (IPAddress, UInt16) -> Bool)? {
        let fromRemoteUser = session.fromRemoteUser
        guard !rules.admitsAll(fromRemoteUser: fromRemoteUser) else { return nil }
        return { [rules] ip, port in rules.admits(network, ip, port, fromRemoteUser: fromRemoteUser) }
    }

    private func redirected(_ target: Destination) -> Destination {
        Self.redirect(target, address: address, port: port)
    }

    private static func redirect(_ target: Destination, address: Address?, port: UInt16) -> Destination {
        Destination(
            network: target.network, address: address ?? target.address, port: port == 0 ? target.port : port)
    }
}

extension DomainResolution {
    /// `UseIP` and `ForceIP` families; both ask the system resolver, so `UseIP` and `ForceIP` alone mean its own order,
    /// and the `Use` forms do not fall back to the other family.
    init(_ strategy: Xray_Transport_Internet_DomainStrategy, scope: String) throws(ControlError) {
        switch strategy {
        case .asIs, .useIp, .forceIp: self = .asIs
        case .useIp4, .forceIp4: self = .only4
        case .useIp6, .forceIp6: self = .only6
        case .useIp46, .forceIp46: self = .prefer4
        case .useIp64, .forceIp64: self = .prefer6
        case .UNRECOGNIZED(let value): throw ControlError("\(scope): unknown domain strategy: \(value)")
        }
    }
}
