// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import SwiftProtobuf
import TestSupport
import XrayProtos

/// Stream settings of tests, and where they are put.
enum StreamSettings {
    typealias Config = Xray_Transport_Internet_StreamConfig
    typealias TLS = Xray_Transport_Internet_Tls_Config

    static func tls(_ change: (inout TLS) throws -> Void) throws -> Config {
        var tls = TLS()
        try change(&tls)
        var config = Config()
        config.protocolName = "tcp"
        config.securityType = TLS.protoMessageName
        config.securitySettings = [try TypedMessages.pack(tls)]
        return config
    }

    static func transport(_ name: String, _ settings: any Message) throws -> Config {
        var transport = Xray_Transport_Internet_TransportConfig()
        transport.protocolName = name
        transport.settings = try TypedMessages.pack(settings)
        var config = Config()
        config.protocolName = name
        config.transportSettings = [transport]
        return config
    }

    static func webSocket(path: String) throws -> Config {
        var settings = Xray_Transport_Internet_Websocket_Config()
        settings.path = path
        return try transport("websocket", settings)
    }

    /// A head for the path `/chat`, and an answer.
    static var httpHeader: Xray_Transport_Internet_Headers_Http_Config {
        .with {
            $0.request.uri = ["/chat"]
            $0.request.header = [.with { ($0.name, $0.value) = ("Host", ["a.example", "b.example"]) }]
            $0.response.header = [.with { ($0.name, $0.value) = ("Content-Type", ["video/mpeg"]) }]
        }
    }

    /// With ``httpHeader`` over what `stream` has.
    static func obfuscated(_ stream: Config = .init()) throws -> Config {
        var raw = Xray_Transport_Internet_Tcp_Config()
        raw.headerSettings = try TypedMessages.pack(httpHeader)
        var config = try transport("tcp", raw)
        config.securityType = stream.securityType
        config.securitySettings = stream.securitySettings
        return config
    }

    /// A certificate for a server, by the name of its files.
    static func certificate(_ name: String, usage: Xray_Transport_Internet_Tls_Certificate.Usage = .encipherment) throws
        -> Xray_Transport_Internet_Tls_Certificate
    {
        let folder = try TestCertificates.shared()
        var certificate = Xray_Transport_Internet_Tls_Certificate()
        certificate.usage = usage
        certificate.certificatePath = folder.path("\(name).pem")
        if usage == .encipherment { certificate.keyPath = folder.path("\(name).key") }
        return certificate
    }
}

/// TLS between two cores.
enum TLSServer {
    static var stream: StreamSettings.Config {
        get throws { try StreamSettings.tls { $0.certificate = [try StreamSettings.certificate("server")] } }
    }

    static var clientStream: StreamSettings.Config {
        get throws {
            try StreamSettings.tls {
                $0.serverName = "proxy.example"
                $0.disableSystemRoot = true
                $0.certificate = [try StreamSettings.certificate("authority", usage: .authorityVerify)]
            }
        }
    }
}

extension CoreSettings {
    mutating func setInboundStream(_ stream: Xray_Transport_Internet_StreamConfig, of index: Int = 0) throws {
        var receiver = try Xray_App_Proxyman_ReceiverConfig(serializedBytes: inbounds[index].receiverSettings.value)
        receiver.streamSettings = stream
        inbounds[index].receiverSettings = try TypedMessages.pack(receiver)
    }

    mutating func setSender(of index: Int = 0, _ change: (inout Xray_App_Proxyman_SenderConfig) -> Void) throws {
        var sender = Xray_App_Proxyman_SenderConfig()
        change(&sender)
        outbounds[index].senderSettings = try TypedMessages.pack(sender)
    }
}

/// A tunnel into one core, VLESS over a transport to another, and a server behind that.
final class HopStage {
    let server: CoreStage
    let client: CoreStage

    init(
        server serverStream: Xray_Transport_Internet_StreamConfig,
        client clientStream: Xray_Transport_Internet_StreamConfig,
        policy: Xray_App_Policy_Policy = .init()
    ) async throws {
        server = try await CoreStage(policy: policy) {
            try $0.setInboundStream(serverStream)
        } settings: { _ in
            try ProxyHop.vless.inbound()
        }
        let (behind, port) = (server.server.port, server.port)
        client = try await CoreStage(outbound: ProxyHop.vless.outbound(port: port)) {
            try $0.setSender { $0.streamSettings = clientStream }
        } settings: { _ in
            CoreStage.tunnel(to: behind)
        }
    }

    /// Whether a request gets its answer.
    func works() async throws -> Bool {
        let port = client.port
        return try await offPool {
            let socket = try TCPClient(port: port, timeout: 20)
            try socket.send(CoreStage.request(up: 1000, down: 100_000))
            return (try? socket.receive(exactly: 100_000)) != nil
        }
    }

    func stop() async {
        await client.stop()
        await server.stop()
    }
}
