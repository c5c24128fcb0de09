// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import ProxyModel
import Telemetry
import XrayProtos

/// What lies between an outbound's protocol and its sockets, made once from its SenderConfig. Thread-safe.
struct OutboundTransport: Sendable {
    enum Upgrade: Sendable {
        case obfuscation(HTTPObfuscationClientPlan)
        case webSocket(WebSocketClientPlan)
        case httpUpgrade(HTTPUpgradeClientPlan)
    }

    let socket: SocketPlan
    /// The outbound that carries the connection in place of a socket; nil = none.
    let carrierTag: String?
    private let tls: TLSClientPlan?
    private let upgrade: Upgrade?
    /// Connections are shared, and the protocol's bytes go by streams in them; nil = each has one of its own.
    let grpc: GRPCClientPlan?

    var hasTLS: Bool { tls != nil }

    /// Bytes go from the protocol to the socket as they are; nothing is added to the channel.
    var isRaw: Bool { tls == nil && upgrade == nil && grpc == nil && carrierTag == nil }

    static let raw = OutboundTransport()

    private init() {
        socket = SocketPlan()
        carrierTag = nil
        tls = nil
        upgrade = nil
        grpc = nil
    }

    /// - Parameter speaksHTTP1: What ``OutboundProtocol/speaksHTTP1`` says.
    /// - Throws: ``ControlError`` for settings that cannot be used, and for what this build does not have.
    init(
        _ sender: Xray_App_Proxyman_SenderConfig, tag: String, speaksHTTP1: Bool, log: CoreLog
    ) throws(ControlError) {
        let config = sender.streamSettings
        do {
            let effective = try config.effective()
            socket = try SocketPlan(config.socketSettings, .connecting)
            let dialer = config.socketSettings.dialerProxy
            let proxy = sender.proxySettings.tag
            carrierTag = !dialer.isEmpty ? dialer : !proxy.isEmpty ? proxy : nil
            var host = effective.tls?.serverName ?? ""
            var alpn = ["http/1.1"]
            var grpc: GRPCClientPlan?
            switch effective.transport {
            case .raw:
                upgrade = nil
                if !speaksHTTP1 { alpn = ["h2", "http/1.1"] }
            case _ where dialer.isEmpty && !proxy.isEmpty && !sender.proxySettings.transportLayerProxy:
                // As in the original: proxySettings without transportLayer carry the protocol, over TLS at most.
                let unused =
                    if case .obfuscated = effective.transport { "header http" } else {
                        "transport \(config.protocolName)"
                    }
                log.write(
                    .warning, "app/proxyman/outbound",
                    "the \(unused) of the outbound \(tag) is not used with proxySettings; "
                        + "set transportLayer, or sockopt.dialerProxy")
                upgrade = nil
                if !speaksHTTP1 { alpn = ["h2", "http/1.1"] }
            case .obfuscated(let config):
                upgrade = .obfuscation(try HTTPObfuscationClientPlan(config))
                if !speaksHTTP1 { alpn = ["h2", "http/1.1"] }
            case .webSocket(let config):
                if !config.host.isEmpty { host = config.host }
                upgrade = .webSocket(WebSocketClientPlan(config, host: host))
            case .httpUpgrade(let config):
                if !config.host.isEmpty { host = config.host }
                upgrade = .httpUpgrade(HTTPUpgradeClientPlan(config, host: host))
            case .grpc(let config):
                upgrade = nil
                alpn = ["h2"]
                grpc = GRPCClientPlan(config, serverName: host, isSecure: effective.tls != nil)
            }
            self.grpc = grpc
            tls = try effective.tls.map { config throws(ControlError) in
                try TLSClientPlan(config, alpn: alpn) { TLSSettings.report($0, of: "outbound \(tag)", to: log) }
            }
            let fingerprint = effective.tls?.fingerprint ?? ""
            if !fingerprint.isEmpty, fingerprint != "unsafe", fingerprint != "hellogolang" {
                log.write(
                    .warning, "transport/internet/tls",
                    "the fingerprint \(fingerprint) of the outbound \(tag) is not imitated; its TLS hello is BoringSSL's"
                )
            }
            socket.warnAboutMultipathTCP(of: "outbound \(tag)", to: log)
            if config.socketSettings.happyEyeballs.tryDelayMs > 0 {
                log.write(
                    .warning, "transport/internet",
                    "happyEyeballs of the outbound \(tag) is not available; addresses are tried one after the other")
            }
        } catch {
            throw error.within("app/proxyman/outbound: failed to parse stream config")
        }
    }

    /// Adds the layers of a connection to `target`, from the socket up; those that carry streams are the caller's.
    /// - Parameter copiesDirectly: The connection wants to pass TLS by; it is told later whether it can.
    func install(on channel: any Channel, target: Destination, copiesDirectly: Bool) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls {
            try channel.syncOptions?.setOption(.recvAllocator, value: StreamReceiveAllocator.underTLS)
            if copiesDirectly, upgrade == nil, grpc == nil, carrierTag == nil { try pipeline.addHandler(RecordGate()) }
            try tls.install(on: pipeline, target: target.address)
        }
        switch upgrade {
        case .obfuscation(let plan): try pipeline.addHandler(HTTPObfuscationClientHandler(plan: plan))
        case .webSocket(let plan): try pipeline.addHandler(WebSocketHandler(client: plan, target: target))
        case .httpUpgrade(let plan): try pipeline.addHandler(HTTPUpgradeClientHandler(plan: plan, target: target))
        case nil: break
        }
    }
}
