// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import ProxyModel
import Telemetry
import XrayProtos

/// What lies between an inbound's sockets and its protocol, made once from its StreamConfig. Thread-safe.
struct InboundTransport: Sendable {
    enum Upgrade: Sendable {
        case obfuscation(HTTPObfuscationServerPlan)
        case webSocket(WebSocketServerPlan)
        case httpUpgrade(HTTPUpgradeServerPlan)
    }

    let socket: SocketPlan
    private let acceptsProxyHeader: Bool
    private let tls: TLSServerPlan?
    private let upgrade: Upgrade?
    /// Connections carry streams, of which each is one of the protocol's; nil = each connection is one itself.
    let grpc: GRPCServerPlan?

    var hasTLS: Bool { tls != nil }

    /// Bytes go from the socket to the protocol as they are; nothing is added to the channel.
    var isRaw: Bool { !acceptsProxyHeader && tls == nil && upgrade == nil && grpc == nil }

    /// - Parameter speaksHTTP1: What ``InboundProtocol/speaksHTTP1`` says.
    /// - Throws: ``ControlError`` for settings that cannot be used, and for what this build does not have.
    init(
        _ config: Xray_Transport_Internet_StreamConfig, tag: String, speaksHTTP1: Bool, log: CoreLog
    ) throws(ControlError) {
        do {
            let effective = try config.effective()
            socket = try SocketPlan(config.socketSettings, .listening)
            acceptsProxyHeader = effective.acceptsProxyHeader || socket.acceptsProxyHeader
            let forwarders = TrustedForwarders(config.socketSettings.trustedXForwardedFor) { message in
                log.write(.warning, "transport/internet", "inbound \(tag) \(message)")
            }
            // A browser that is offered HTTP/2 takes it, and then cannot upgrade.
            var alpn = ["http/1.1"]
            var grpc: GRPCServerPlan?
            switch effective.transport {
            case .raw:
                upgrade = nil
                if !speaksHTTP1 { alpn = ["h2", "http/1.1"] }
            case .obfuscated(let config):
                upgrade = .obfuscation(try HTTPObfuscationServerPlan(config))
                if !speaksHTTP1 { alpn = ["h2", "http/1.1"] }
            case .webSocket(let config):
                upgrade = .webSocket(WebSocketServerPlan(config, forwarders: forwarders))
            case .httpUpgrade(let config):
                upgrade = .httpUpgrade(HTTPUpgradeServerPlan(config, forwarders: forwarders))
            case .grpc(let config):
                upgrade = nil
                alpn = ["h2"]
                grpc = GRPCServerPlan(config, forwarders: forwarders)
            }
            self.grpc = grpc
            tls = try effective.tls.map { config throws(ControlError) in
                try TLSServerPlan(config, alpn: alpn) { TLSSettings.report($0, of: "inbound \(tag)", to: log) }
            }
            socket.warnAboutMultipathTCP(of: "inbound \(tag)", to: log)
        } catch {
            throw error.within("app/proxyman/inbound: failed to parse stream config")
        }
    }

    /// How long the transport may take to come up, of a protocol's limit for its handshake.
    func limit(_ handshake: TimeAmount) -> TimeAmount {
        switch upgrade {
        case .webSocket, .httpUpgrade: min(handshake, UpgradeHead.patience)
        case .obfuscation, nil: handshake
        }
    }

    /// Adds the layers, from the socket up, with the gate on top.
    func install(
        on channel: any Channel, info: TransportInfo, gate: TransportGate, copiesDirectly: Bool
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(SocketFloor())
        if acceptsProxyHeader { try pipeline.addHandler(PROXYHeaderHandler(info: info)) }
        if let tls {
            try channel.syncOptions?.setOption(.recvAllocator, value: StreamReceiveAllocator.underTLS)
            if copiesDirectly, upgrade == nil, grpc == nil { try pipeline.addHandler(RecordGate()) }
            try pipeline.addHandler(TLSServerHandler(plan: tls, info: info))
            try pipeline.addHandler(TLSCeiling(info: info))
        }
        switch upgrade {
        case .obfuscation(let plan): try pipeline.addHandler(HTTPObfuscationServerHandler(plan: plan))
        case .webSocket(let plan): try pipeline.addHandler(WebSocketHandler(server: plan, info: info))
        case .httpUpgrade(let plan): try pipeline.addHandler(HTTPUpgradeServerHandler(plan: plan, info: info))
        case nil: break
        }
        try pipeline.addHandler(gate)
    }
}
