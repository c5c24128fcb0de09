// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import SwiftProtobuf
import XrayProtos

/// One element of `outbounds`.
enum OutboundSection {
    typealias Decoder = @Sendable (ConfigNode) throws -> any Message

    /// The decoders of `settings` by protocol name.
    private static let decoders: [String: Decoder] = [
        "freedom": { try FreedomSettings.decode($0) },
        "direct": { try FreedomSettings.decode($0) },
        "blackhole": { try BlackholeSettings.decode($0) },
        "block": { try BlackholeSettings.decode($0) },
        "loopback": { try LoopbackSettings.decode($0) },
        "dns": { try DNSOutboundSettings.decode($0) },
        "http": { try HTTPOutboundSettings.decode($0) },
        "socks": { try SOCKSOutboundSettings.decode($0) },
        "shadowsocks": { try ShadowsocksOutboundSettings.decode($0) },
        "trojan": { try TrojanOutboundSettings.decode($0) },
        "vless": { try VLESSOutboundSettings.decode($0) },
        "vmess": { try VMessOutboundSettings.decode($0) },
        "hysteria": { try HysteriaOutboundSettings.decode($0) },
        "wireguard": { try WireGuardSettings.decodeOutbound($0) },
    ]

    static func decode(_ node: ConfigNode) throws -> Xray_Core_OutboundHandlerConfig {
        try node.object { object in
            var outbound = Xray_Core_OutboundHandlerConfig()
            outbound.tag = try object.string("tag")
            guard let name = object["protocol"] else { throw node.error("an outbound needs a protocol") }
            let protocolName = try name.string().lowercased()
            guard let decoder = decoders[protocolName] else {
                throw name.error(InboundSection.unknown(protocolName, known: decoders.keys.sorted(), what: "outbound"))
            }
            var sender = Xray_App_Proxyman_SenderConfig()
            sender.targetStrategy = try object["targetStrategy"]?.domainStrategy() ?? .asIs
            if let via = object["sendThrough"] { try decode(via: via, into: &sender) }
            if let stream = object["streamSettings"] { sender.streamSettings = try StreamSection.decode(stream) }
            if let proxy = object["proxySettings"] { try decode(proxy: proxy, into: &sender) }
            if let mux = object["mux"] { sender.multiplexSettings = try MuxSection.decode(mux) }
            let settings = object["settings"] ?? node.emptyObject(under: "settings")
            if sender.streamSettings.securityType.isEmpty {
                try TransportSecurity.require(for: protocolName, settings: settings)
            }
            outbound.proxySettings = try settings.pack(try decoder(settings))
            outbound.senderSettings = try node.pack(sender)
            object.ignore("remark", "remarks")
            return outbound
        }
    }

    /// `IP`, `IP/prefix` (a random address of the block), `origin` or `srcip`.
    private static func decode(via node: ConfigNode, into sender: inout Xray_App_Proxyman_SenderConfig) throws {
        let text = try node.string()
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let address = Address(configured: parts.first.map(String.init) ?? "")
        if parts.count > 1 {
            sender.viaCidr = String(parts[1])
        } else if let name = address.domain, name != "origin", name != "srcip" {
            throw node.error("an IP address, IP/prefix, origin or srcip is needed, found \(text.quoted)")
        }
        sender.via = .init(address)
    }

    private static func decode(proxy node: ConfigNode, into sender: inout Xray_App_Proxyman_SenderConfig) throws {
        var proxy = Xray_Transport_Internet_ProxyConfig()
        try node.object { object in
            proxy.tag = try object.string("tag")
            proxy.transportLayerProxy = try object.bool("transportLayer")
        }
        guard !proxy.tag.isEmpty else { throw node.error("proxySettings need a tag") }
        guard sender.streamSettings.socketSettings.dialerProxy.isEmpty else {
            throw node.error("proxySettings.tag does not go together with sockopt.dialerProxy")
        }
        if proxy.transportLayerProxy {
            sender.streamSettings.socketSettings.dialerProxy = proxy.tag
        } else {
            sender.proxySettings = proxy
        }
    }
}

/// The `mux` object of an outbound.
enum MuxSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Proxyman_MultiplexingConfig {
        try node.object { object in
            var config = Xray_App_Proxyman_MultiplexingConfig()
            config.enabled = try object.bool("enabled")
            config.concurrency = try Int32(object.integer("concurrency", as: Int16.self))
            config.xudpConcurrency = try Int32(object.integer("xudpConcurrency", as: Int16.self))
            config.xudpProxyUdp443 = try object.string("xudpProxyUDP443")
            switch config.xudpProxyUdp443 {
            case "": config.xudpProxyUdp443 = "reject"
            case "reject", "allow", "skip": break
            case let other:
                throw (object["xudpProxyUDP443"] ?? node).error(
                    "unknown value (known: reject, allow, skip): \(other.quoted)")
            }
            return config
        }
    }
}
