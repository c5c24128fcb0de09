// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import Routing
import SwiftProtobuf
package import XrayProtos

/// The protocols that are compiled in: the one place that a settings type is tied to the code that serves it.
package struct ProtocolRegistry: ProtocolFactory {
    private typealias Inbound = @Sendable (any SwiftProtobuf.Message) throws(ControlError) -> any InboundProtocol
    private typealias Outbound =
        @Sendable (any SwiftProtobuf.Message, AssetDirectory) throws(ControlError) -> any OutboundProtocol

    private enum Kind {
        case inbound(Inbound)
        case outbound(Outbound)
        /// Known by name, to be refused by name: the protocol, and whether it is one for inbounds and for outbounds.
        case missing(String, inbound: Bool, outbound: Bool)
    }

    private let kinds: [String: Kind]

    package static let all: ProtocolRegistry = {
        var kinds: [String: Kind] = [:]
        func inbound<Settings: SwiftProtobuf.Message>(
            _: Settings.Type, _ make: @escaping @Sendable (Settings) throws(ControlError) -> any InboundProtocol
        ) {
            kinds[Settings.protoMessageName] = .inbound { message throws(ControlError) in
                guard let settings = message as? Settings else { throw notRegistered(Settings.protoMessageName) }
                return try make(settings)
            }
        }
        func outbound<Settings: SwiftProtobuf.Message>(
            _: Settings.Type,
            _ make: @escaping @Sendable (Settings, AssetDirectory) throws(ControlError) -> any OutboundProtocol
        ) {
            kinds[Settings.protoMessageName] = .outbound { message, assets throws(ControlError) in
                guard let settings = message as? Settings else { throw notRegistered(Settings.protoMessageName) }
                return try make(settings, assets)
            }
        }
        func missing(_ name: String, inbound: String...) {
            for type in inbound { kinds["xray.proxy.\(type)"] = .missing(name, inbound: true, outbound: false) }
        }
        func missing(_ name: String, outbound: String...) {
            for type in outbound { kinds["xray.proxy.\(type)"] = .missing(name, inbound: false, outbound: true) }
        }

        inbound(Xray_Proxy_Vless_Inbound_Config.self) { s throws(ControlError) in try VLESSInbound(s) }
        inbound(Xray_Proxy_Vmess_Inbound_Config.self) { s throws(ControlError) in try VMessInbound(s) }
        inbound(Xray_Proxy_Trojan_ServerConfig.self) { s throws(ControlError) in try TrojanInbound(s) }
        inbound(Xray_Proxy_Shadowsocks_ServerConfig.self) { s throws(ControlError) in try ShadowsocksInbound(s) }
        inbound(Xray_Proxy_Shadowsocks2022_ServerConfig.self) { s throws(ControlError) in
            try Shadowsocks2022Inbound(s)
        }
        inbound(Xray_Proxy_Shadowsocks2022_MultiUserServerConfig.self) { s throws(ControlError) in
            try Shadowsocks2022Inbound(s)
        }
        inbound(Xray_Proxy_Shadowsocks2022_RelayServerConfig.self) { s throws(ControlError) in
            try Shadowsocks2022Relay(s)
        }
        inbound(Xray_Proxy_Socks_ServerConfig.self) { s throws(ControlError) in try SOCKSInbound(s) }
        inbound(Xray_Proxy_Http_ServerConfig.self) { s throws(ControlError) in try HTTPInbound(s) }
        inbound(Xray_Proxy_Dokodemo_Config.self) { s throws(ControlError) in try DokodemoInbound(s) }
        outbound(Xray_Proxy_Freedom_Config.self) { s, _ throws(ControlError) in try FreedomOutbound(s) }
        outbound(Xray_Proxy_Vless_Outbound_Config.self) { s, _ throws(ControlError) in try VLESSOutbound(s) }
        outbound(Xray_Proxy_Vmess_Outbound_Config.self) { s, _ throws(ControlError) in try VMessOutbound(s) }
        outbound(Xray_Proxy_Shadowsocks_ClientConfig.self) { s, _ throws(ControlError) in try ShadowsocksOutbound(s) }
        outbound(Xray_Proxy_Shadowsocks2022_ClientConfig.self) { s, _ throws(ControlError) in
            try Shadowsocks2022Outbound(s)
        }
        outbound(Xray_Proxy_Trojan_ClientConfig.self) { s, _ throws(ControlError) in try TrojanOutbound(s) }
        outbound(Xray_Proxy_Socks_ClientConfig.self) { s, _ throws(ControlError) in try SOCKSOutbound(s) }
        outbound(Xray_Proxy_Http_ClientConfig.self) { s, _ throws(ControlError) in try HTTPOutbound(s) }
        outbound(Xray_Proxy_Blackhole_Config.self) { s, _ throws(ControlError) in try BlackholeOutbound(s) }
        outbound(Xray_Proxy_Loopback_Config.self) { s, assets throws(ControlError) in
            try LoopbackOutbound(s, assets: assets)
        }
        outbound(Xray_Proxy_Dns_Config.self) { s, assets throws(ControlError) in try DNSOutbound(s, assets: assets) }

        missing("hysteria", inbound: "hysteria.ServerConfig")
        missing("tun", inbound: "tun.Config")
        missing("hysteria", outbound: "hysteria.ClientConfig")
        kinds["xray.proxy.wireguard.DeviceConfig"] = .missing("wireguard", inbound: true, outbound: true)
        return ProtocolRegistry(kinds: kinds)
    }()

    /// The inbound that these settings describe; nil when they are an outbound's.
    /// - Throws: an error for an unknown type, for bytes that are no message, for a message that is no proxy's settings,
    ///   for a protocol that this build does not have, and for settings that the protocol refuses.
    package func makeInbound(
        _ settings: Xray_Common_Serial_TypedMessage
    ) throws(ControlError) -> (any InboundProtocol)? {
        let message = try settings.instance()
        switch kinds[settings.type] {
        case .inbound(let make)?: return try make(message)
        case .missing(let name, inbound: true, _)?: throw Self.missing(name, "inbound")
        case .outbound?, .missing?: return nil
        case nil: throw Self.notRegistered(settings.type)
        }
    }

    /// The outbound that these settings describe; nil when they are an inbound's. Throws as `makeInbound` does.
    package func makeOutbound(
        _ settings: Xray_Common_Serial_TypedMessage, assets: AssetDirectory
    ) throws(ControlError) -> (any OutboundProtocol)? {
        let message = try settings.instance()
        switch kinds[settings.type] {
        case .outbound(let make)?: return try make(message, assets)
        case .missing(let name, _, outbound: true)?: throw Self.missing(name, "outbound")
        case .inbound?, .missing?: return nil
        case nil: throw Self.notRegistered(settings.type)
        }
    }

    /// - Parameter side: `inbound` or `outbound`.
    private static func missing(_ name: String, _ side: String) -> ControlError {
        let instead =
            switch (name, side) {
            case ("tun", _): "use socks, or a tunnel with followRedirect"
            case ("wireguard", "outbound"): "use the system's WireGuard, and freedom with sockopt.interface"
            default: "use vless, vmess, trojan or shadowsocks"
            }
        return .notAvailable("proxy/\(name)", "\(name) as an \(side); \(instead)")
    }

    /// Xray prints the type as Go does, with the last part of its package.
    private static func notRegistered(_ type: String) -> ControlError {
        ControlError("common: *\(type.split(separator: ".").suffix(2).joined(separator: ".")) is not registered")
    }
}
