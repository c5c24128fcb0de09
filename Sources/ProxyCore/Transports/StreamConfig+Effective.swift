// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import SwiftProtobuf
import XrayProtos

extension Xray_Transport_Internet_StreamConfig {
    /// Which transport and which security a connection has, of those that this build has.
    struct Effective {
        enum Transport {
            case raw
            case obfuscated(Xray_Transport_Internet_Headers_Http_Config)
            case webSocket(Xray_Transport_Internet_Websocket_Config)
            case httpUpgrade(Xray_Transport_Internet_Httpupgrade_Config)
            case grpc(Xray_Transport_Internet_Grpc_Encoding_Config)
        }

        var transport: Transport
        var tls: Xray_Transport_Internet_Tls_Config?
        /// The transport's own settings ask for a PROXY header.
        var acceptsProxyHeader: Bool
    }

    /// - Throws: For a transport or security that this build does not have, by name, and for settings of another type.
    func effective() throws(ControlError) -> Effective {
        var tls: Xray_Transport_Internet_Tls_Config?
        if !securitySettings.isEmpty {
            guard securityType == Xray_Transport_Internet_Tls_Config.protoMessageName else {
                let name = securityType.contains("reality") ? "reality" : securityType
                throw ControlError("the security \(name) is not available; use tls")
            }
            tls = try securitySettings.first { $0.type == securityType }.map { message throws(ControlError) in
                try Self.settings(message, of: "tls")
            }
        }
        guard tcpmasks.isEmpty, udpmasks.isEmpty else { throw ControlError("final masks are not available") }
        switch protocolName {
        case "", "tcp", "raw":
            let raw: Xray_Transport_Internet_Tcp_Config = try settings(named: "tcp")
            return Effective(
                transport: try Self.transport(of: raw), tls: tls, acceptsProxyHeader: raw.acceptProxyProtocol)
        case "websocket", "ws":
            let config: Xray_Transport_Internet_Websocket_Config = try settings(named: "websocket")
            return Effective(transport: .webSocket(config), tls: tls, acceptsProxyHeader: config.acceptProxyProtocol)
        case "httpupgrade":
            let config: Xray_Transport_Internet_Httpupgrade_Config = try settings(named: "httpupgrade")
            return Effective(transport: .httpUpgrade(config), tls: tls, acceptsProxyHeader: config.acceptProxyProtocol)
        case "grpc":
            let config: Xray_Transport_Internet_Grpc_Encoding_Config = try settings(named: "grpc")
            return Effective(transport: .grpc(config), tls: tls, acceptsProxyHeader: false)
        case "splithttp", "xhttp":
            throw ControlError("the transport xhttp is not available; use websocket, httpupgrade or grpc")
        case "mkcp", "kcp":
            throw ControlError("the transport mkcp is not available; use tcp (raw)")
        default:
            throw ControlError(
                "the transport \(protocolName) is not available; use tcp (raw), websocket, httpupgrade or grpc")
        }
    }

    private static func transport(
        of raw: Xray_Transport_Internet_Tcp_Config
    ) throws(ControlError) -> Effective.Transport {
        switch raw.headerSettings.type {
        case "":
            return .raw
        case let type where type.hasSuffix("noop.ConnectionConfig"):
            return .raw
        case Xray_Transport_Internet_Headers_Http_Config.protoMessageName:
            let header: Xray_Transport_Internet_Headers_Http_Config = try settings(raw.headerSettings, of: "http")
            return header.hasRequest || header.hasResponse ? .obfuscated(header) : .raw
        case let other:
            throw ControlError("the header \(other) of the transport tcp is not available; use http or none")
        }
    }

    private func settings<Settings: Message>(named name: String) throws(ControlError) -> Settings {
        guard let transport = transportSettings.first(where: { $0.protocolName == name }), transport.hasSettings else {
            return Settings()
        }
        return try Self.settings(transport.settings, of: name)
    }

    private static func settings<Settings: Message>(
        _ message: Xray_Common_Serial_TypedMessage, of name: String
    ) throws(ControlError) -> Settings {
        do {
            _ = try TypedMessages.unpack(message)
            guard let typed = try message.typed(as: Settings.self) else {
                throw ControlError("not the settings of \(name): \(message.type)")
            }
            return typed
        } catch {
            throw ControlError(typed: error)
        }
    }
}
