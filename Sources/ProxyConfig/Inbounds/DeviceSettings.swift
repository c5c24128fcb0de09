// SPDX-License-Identifier: Apache-2.0
import Foundation
import JSONText
import XrayProtos

/// `settings` of a WireGuard inbound or outbound.
enum WireGuardSettings {
    static func decodeInbound(_ node: ConfigNode) throws -> Xray_Proxy_Wireguard_DeviceConfig {
        try decode(node) { config, peers in
            config.users = try peers.map { node in
                let (peer, level, email) = try decode(peer: node)
                var user = Xray_Common_Protocol_User()
                user.level = level
                user.email = email
                user.account = try node.pack(peer)
                return user
            }
        }
    }

    static func decodeOutbound(_ node: ConfigNode) throws -> Xray_Proxy_Wireguard_DeviceConfig {
        try decode(node) { config, peers in
            config.isClient = true
            config.peers = try peers.map { try decode(peer: $0).peer }
        }
    }

    private static func decode(
        _ node: ConfigNode, peers decodePeers: (inout Xray_Proxy_Wireguard_DeviceConfig, [ConfigNode]) throws -> Void
    ) throws -> Xray_Proxy_Wireguard_DeviceConfig {
        try node.object { object in
            var config = Xray_Proxy_Wireguard_DeviceConfig()
            guard let secret = object["secretKey"] else { throw node.error("a secretKey is needed") }
            config.secretKey = try key(secret)
            config.endpoint =
                try object["address"]?.textList() ?? ["10.0.0.1", "fd59:7153:2388:b5fd:0000:0000:0000:0001"]
            try decodePeers(&config, object["peers"]?.elements() ?? [])
            config.mtu = try object.integer("mtu")
            if config.mtu == 0 { config.mtu = 1420 }
            if let reserved = object["reserved"] { config.reserved = try decode(reserved: reserved) }
            config.domainStrategy = try object["domainStrategy"].map { try strategy($0) } ?? .forceIp
            config.noKernelTun = try object.bool("noKernelTun")
            return config
        }
    }

    private static func decode(
        peer node: ConfigNode
    ) throws -> (peer: Xray_Proxy_Wireguard_PeerConfig, level: UInt32, email: String) {
        try node.object { object in
            var peer = Xray_Proxy_Wireguard_PeerConfig()
            peer.publicKey = try object["publicKey"].map { try $0.string().isEmpty ? "" : key($0) } ?? ""
            peer.preSharedKey = try object["preSharedKey"].map { try $0.string().isEmpty ? "" : key($0) } ?? ""
            peer.endpoint = try object.string("endpoint")
            let keepAlive = try object.integer("keepAlive", as: UInt32.self)
            peer.keepAlive = keepAlive == 0 ? "" : String(keepAlive)
            peer.allowedIps = try object["allowedIPs"]?.textList() ?? ["0.0.0.0/0", "::0/0"]
            return (peer, try object.integer("level"), try object.string("email"))
        }
    }

    /// A key of 32 bytes in hexadecimal digits or base64, as hexadecimal digits.
    private static func key(_ node: ConfigNode) throws -> String {
        let text = try node.string()
        if text.utf8.count == 64, Data(hexadecimal: text) != nil { return text }
        let plain = text.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        guard let data = Data(base64URL: plain.hasSuffix("=") ? String(plain.dropLast()) : plain), !data.isEmpty else {
            throw node.error("not a key in hexadecimal digits or base64")
        }
        return data.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }

    private static func decode(reserved node: ConfigNode) throws -> Data {
        let bytes: Data?
        if case .string(let text) = node.node.value {
            bytes = Data(base64Encoded: text)
        } else {
            bytes = Data(try node.elements().map { try $0.integer(as: UInt8.self) })
        }
        guard let bytes, bytes.isEmpty || bytes.count == 3 else { throw node.error("3 bytes are needed") }
        return bytes
    }

    private static func strategy(_ node: ConfigNode) throws -> Xray_Proxy_Wireguard_DeviceConfig.DomainStrategy {
        let text = try node.string()
        switch text.lowercased() {
        case "", "forceip": return .forceIp
        case "forceipv4": return .forceIp4
        case "forceipv6": return .forceIp6
        case "forceipv4v6": return .forceIp46
        case "forceipv6v4": return .forceIp64
        default: throw node.error("unknown strategy (known: ForceIP, … ForceIPv6v4): \(text.quoted)")
        }
    }
}

/// `settings` of a TUN inbound.
enum TUNSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Tun_Config {
        try node.object { object in
            var config = Xray_Proxy_Tun_Config()
            config.name = try object.string("name")
            guard !config.name.isEmpty else { throw node.error("a tun device needs a name") }
            config.desc = try object.string("desc")
            if config.desc.isEmpty { config.desc = "Wintun" }
            config.mtu = try object.integer("mtu")
            if config.mtu == 0 { config.mtu = 1500 }
            config.gateway = try object["gateway"]?.textList() ?? []
            config.dns = try object["dns"]?.textList() ?? []
            config.userLevel = try object.integer("userLevel")
            config.autoSystemRoutingTable = try object["autoSystemRoutingTable"]?.textList() ?? []
            config.autoOutboundsInterface =
                try object["autoOutboundsInterface"]?.string() ?? (config.autoSystemRoutingTable.isEmpty ? "" : "auto")
            return config
        }
    }
}

/// `settings` of a Hysteria inbound.
enum HysteriaInboundSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Hysteria_ServerConfig {
        try node.object { object in
            try HysteriaOutboundSettings.checkVersion(object)
            var config = Xray_Proxy_Hysteria_ServerConfig()
            config.users =
                try object.users("clients")?.map { node in
                    try node.object { object in
                        var user = Xray_Common_Protocol_User()
                        user.level = try object.integer("level")
                        user.email = try object.string("email")
                        var account = Xray_Proxy_Hysteria_Account_Account()
                        account.auth = try object.string("auth")
                        user.account = try node.pack(account)
                        return user
                    }
                } ?? []
            return config
        }
    }
}
