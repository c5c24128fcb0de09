// SPDX-License-Identifier: Apache-2.0
import JSONText
import ProxyModel
import SwiftProtobuf
import XrayProtos

/// One element of `inbounds`.
enum InboundSection {
    typealias Decoder = @Sendable (ConfigNode) throws -> any Message

    /// The decoders of `settings` by protocol name.
    private static let decoders: [String: Decoder] = [
        "tunnel": { try TunnelSettings.decode($0) },
        "dokodemo-door": { try TunnelSettings.decode($0) },
        "http": { try HTTPInboundSettings.decode($0) },
        "mixed": { try SOCKSInboundSettings.decode($0) },
        "socks": { try SOCKSInboundSettings.decode($0) },
        "shadowsocks": { try ShadowsocksInboundSettings.decode($0) },
        "trojan": { try TrojanInboundSettings.decode($0) },
        "vless": { try VLESSInboundSettings.decode($0) },
        "vmess": { try VMessInboundSettings.decode($0) },
        "hysteria": { try HysteriaInboundSettings.decode($0) },
        "wireguard": { try WireGuardSettings.decodeInbound($0) },
        "tun": { try TUNSettings.decode($0) },
    ]

    static func decode(_ node: ConfigNode) throws -> Xray_Core_InboundHandlerConfig {
        try node.object { object in
            var inbound = Xray_Core_InboundHandlerConfig()
            inbound.tag = try object.string("tag")
            guard let name = object["protocol"] else { throw node.error("an inbound needs a protocol") }
            let protocolName = try name.string().lowercased()
            guard let decoder = decoders[protocolName] else {
                throw name.error(unknown(protocolName, known: decoders.keys.sorted(), what: "inbound"))
            }
            let settings = object["settings"] ?? node.emptyObject(under: "settings")
            let proxy = try decoder(settings)
            var receiver = Xray_App_Proxyman_ReceiverConfig()
            try decodeListener(of: &receiver, from: object, isDevice: protocolName == "tun")
            if let stream = object["streamSettings"] { receiver.streamSettings = try StreamSection.decode(stream) }
            if let sniffing = object["sniffing"] { receiver.sniffingSettings = try SniffingSection.decode(sniffing) }
            if let tunnel = proxy as? Xray_Proxy_Dokodemo_Config {
                receiver.receiveOriginalDestination = tunnel.followRedirect
            }
            inbound.receiverSettings = try node.pack(receiver)
            inbound.proxySettings = try settings.pack(proxy)
            object.ignore("allocate", "remark", "remarks")
            return inbound
        }
    }

    /// An IP address or `localhost` needs a port; a socket's path (`/…`) or abstract name (`@…`) takes none.
    private static func decodeListener(
        of receiver: inout Xray_App_Proxyman_ReceiverConfig, from object: ObjectReader, isDevice: Bool
    ) throws {
        let ports = try object["port"]?.portList()
        let listen = object["listen"]
        guard !isDevice else { return }
        if let listen {
            let address = try listen.address()
            receiver.listen = .init(address)
            if let name = address.domain, name != "localhost" {
                guard name.hasPrefix("/") || name.hasPrefix("@") else {
                    throw listen.error("an IP address, localhost or a socket's path is needed, found \(name.quoted)")
                }
                return
            }
        }
        guard let ports else { throw object.owner.error("an inbound needs a port") }
        receiver.portList = ports
    }

    static func unknown(_ name: String, known: [String], what: String) -> String {
        let suggestion = ObjectReader.suggestion(for: name, among: known)
        let hint = suggestion.map { "did you mean \($0.quoted)?" } ?? "known: \(known.joined(separator: ", "))"
        return "unknown \(what) protocol \(name.quoted); \(hint)"
    }
}

extension ConfigNode {
    /// An object without members, in the place of an absent key.
    func emptyObject(under key: String) -> ConfigNode {
        ConfigNode(JSONNode(.object([]), offset: node.offset), path: .key(path, key), context: context)
    }
}
