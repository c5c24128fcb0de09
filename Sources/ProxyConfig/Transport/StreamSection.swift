// SPDX-License-Identifier: Apache-2.0
import JSONText
import SwiftProtobuf
import XrayProtos

/// The `streamSettings` object: transport, security and socket options of an inbound or outbound.
enum StreamSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_StreamConfig {
        try node.object { object in
            var config = Xray_Transport_Internet_StreamConfig()
            config.protocolName = "tcp"
            if let address = object["address"] { config.address = try address.ipOrDomain() }
            config.port = try UInt32(object.integer("port", as: UInt16.self))
            let network = object["network"]
            if let method = object["method"] ?? network { config.protocolName = try transportName(method) }
            try decodeSecurity(of: &config, from: object)
            try decodeTransports(of: &config, from: object)
            if let socket = object["sockopt"] { config.socketSettings = try SocketSection.decode(socket) }
            if let mask = object["finalmask"], !mask.isEmptyObject {
                throw mask.error("final masks are not supported")
            }
            return config
        }
    }

    /// The name that the transport has inside the core.
    private static func transportName(_ node: ConfigNode) throws -> String {
        let text = try node.string()
        switch text.lowercased() {
        case "raw", "tcp": return "tcp"
        case "xhttp", "splithttp": return "splithttp"
        case "kcp", "mkcp": return "mkcp"
        case "grpc": return "grpc"
        case "ws", "websocket": return "websocket"
        case "httpupgrade": return "httpupgrade"
        case "hysteria": return "hysteria"
        case "h2", "h3", "http": throw node.error("the transport \(text.quoted) was removed; use xhttp")
        case "quic": throw node.error("the transport \"quic\" was removed; use xhttp")
        default: throw node.error("unknown transport: \(text.quoted)")
        }
    }

    private static func decodeSecurity(
        of config: inout Xray_Transport_Internet_StreamConfig, from object: ObjectReader
    ) throws {
        let tls = object["tlsSettings"]
        let reality = object["realitySettings"]
        guard let security = object["security"] else { return }
        let text = try security.string()
        switch text.lowercased() {
        case "", "none":
            return
        case "tls":
            let settings = tls ?? ConfigNode(JSONNode(.object([])), path: security.path, context: security.context)
            config.securitySettings = [try security.pack(try TLSSection.decode(settings))]
        case "reality":
            guard ["tcp", "splithttp", "grpc"].contains(config.protocolName) else {
                throw security.error("reality works with raw, xhttp and grpc only")
            }
            guard let reality else { throw security.error("reality needs realitySettings") }
            config.securitySettings = [try security.pack(try REALITYSection.decode(reality))]
        case "xtls":
            throw security.error("the security \"xtls\" was removed; use the flow xtls-rprx-vision with tls or reality")
        default:
            throw security.error("unknown security (known: none, tls, reality): \(text.quoted)")
        }
        config.securityType = config.securitySettings.first?.type ?? ""
    }

    private static func decodeTransports(
        of config: inout Xray_Transport_Internet_StreamConfig, from object: ObjectReader
    ) throws {
        let tcp = object["tcpSettings"]
        if let raw = object["rawSettings"] ?? tcp {
            config.transportSettings.append(try transport("tcp", raw, RawSection.decode(raw)))
        }
        let splitHTTP = object["splithttpSettings"]
        if let xhttp = object["xhttpSettings"] ?? splitHTTP {
            config.transportSettings.append(try transport("splithttp", xhttp, XHTTPSection.decode(xhttp)))
        }
        if let kcp = object["kcpSettings"] {
            config.transportSettings.append(try transport("mkcp", kcp, KCPSection.decode(kcp)))
        }
        if let grpc = object["grpcSettings"] {
            config.transportSettings.append(try transport("grpc", grpc, GRPCSection.decode(grpc)))
        }
        if let ws = object["wsSettings"] {
            config.transportSettings.append(try transport("websocket", ws, WebSocketSection.decode(ws)))
        }
        if let upgrade = object["httpupgradeSettings"] {
            config.transportSettings.append(try transport("httpupgrade", upgrade, HTTPUpgradeSection.decode(upgrade)))
        }
        if let hysteria = object["hysteriaSettings"] {
            config.transportSettings.append(try transport("hysteria", hysteria, HysteriaSection.decode(hysteria)))
        }
    }

    private static func transport(
        _ name: String, _ node: ConfigNode, _ settings: any Message
    ) throws -> Xray_Transport_Internet_TransportConfig {
        var transport = Xray_Transport_Internet_TransportConfig()
        transport.protocolName = name
        transport.settings = try node.pack(settings)
        return transport
    }
}

extension ConfigNode {
    /// Whether the value is an object that has only null, empty lists and empty objects in it.
    var isEmptyObject: Bool {
        guard case .object(let members) = node.value else { return false }
        return members.allSatisfy { member in
            switch member.node.value {
            case .null: true
            case .array(let elements): elements.isEmpty
            case .object(let members): members.isEmpty
            default: false
            }
        }
    }
}
