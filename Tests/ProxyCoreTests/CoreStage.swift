// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import ProxyCore
import ProxyModel
import ProxyProtocols
import Routing
import SwiftProtobuf
import Telemetry
import TestSupport
import XrayProtos

import class ProxyCore.Resolver

/// A running core with real sockets: an inbound on a free port, `freedom` as the default, statistics on.
final class CoreStage {
    static let alice = UUID(uuidString: "b831381d-6324-4d53-ad4f-8cda48b30811")!

    let core: ProxyCore
    let port: UInt16
    let server: ByteServer

    /// - Parameters:
    ///   - log: Where the core's lines go; nowhere if it is not given.
    ///   - resolver: Finds names; the system's if it is not given.
    ///   - group: The loops that it runs on.
    ///   - configure: Changes the configuration before the core is made.
    ///   - settings: Makes the inbound's settings, knowing the port of the server behind the proxy.
    init(
        policy: Xray_App_Policy_Policy = .init(), outbound: any SwiftProtobuf.Message = CoreStage.openFreedom,
        log: CoreLog? = nil, resolver: Resolver = Resolver(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        configure: (inout CoreSettings) throws -> Void = { _ in },
        settings: (UInt16) throws -> any SwiftProtobuf.Message
    ) async throws {
        server = try ByteServer()
        port = try TCPClient.freePort()
        var configuration = CoreSettings()
        configuration.keepsStatistics = true
        configuration.routing = .init()
        configuration.inbounds = [try Self.inbound("in", port: port, settings(server.port))]
        configuration.outbounds = [try Self.outbound("out", outbound)]
        var level = policy
        level.stats.userUplink = true
        level.stats.userDownlink = true
        level.stats.userOnline = true
        configuration.policy.level[0] = level
        configuration.policy.system.stats.inboundUplink = true
        configuration.policy.system.stats.inboundDownlink = true
        configuration.policy.system.stats.outboundUplink = true
        configuration.policy.system.stats.outboundDownlink = true
        try configure(&configuration)
        core = try ProxyCore(
            configuration, factory: ProtocolRegistry.all,
            log: log ?? CoreLog(LogSettings(errorLevel: .none, error: .none, access: .none)),
            group: group, assets: AssetDirectory(), resolver: resolver)
        try await core.start()
    }

    func stop() async {
        server.stop()
        await core.stop(grace: .zero)
    }

    static var openFreedom: Xray_Proxy_Freedom_Config {
        var freedom = Xray_Proxy_Freedom_Config()
        var rule = Xray_Proxy_Freedom_FinalRuleConfig()
        rule.action = .allow
        freedom.finalRules = [rule]
        return freedom
    }

    static func tunnel(to port: UInt16, _ networks: [Xray_Common_Net_Network] = [.tcp]) -> Xray_Proxy_Dokodemo_Config {
        var config = Xray_Proxy_Dokodemo_Config()
        config.rewriteAddress.address = .ip(Data([127, 0, 0, 1]))
        config.rewritePort = UInt32(port)
        config.allowedNetworks = networks
        return config
    }

    static func vless(_ users: [(UUID, String)]) throws -> Xray_Proxy_Vless_Inbound_Config {
        var config = Xray_Proxy_Vless_Inbound_Config()
        config.decryption = "none"
        config.users = try users.map { try user($0.0, $0.1) }
        return config
    }

    static func user(_ id: UUID, _ email: String) throws -> Xray_Common_Protocol_User {
        var account = Xray_Proxy_Vless_Account()
        account.id = id.uuidString.lowercased()
        var user = Xray_Common_Protocol_User()
        user.email = email
        user.account = try TypedMessages.pack(account)
        return user
    }

    static func inbound(
        _ tag: String, port: UInt16, _ settings: any SwiftProtobuf.Message
    ) throws -> Xray_Core_InboundHandlerConfig {
        var receiver = Xray_App_Proxyman_ReceiverConfig()
        var range = Xray_Common_Net_PortRange()
        range.from = UInt32(port)
        range.to = UInt32(port)
        receiver.portList.range = [range]
        receiver.listen.address = .ip(Data([127, 0, 0, 1]))
        var config = Xray_Core_InboundHandlerConfig()
        config.tag = tag
        config.receiverSettings = try TypedMessages.pack(receiver)
        config.proxySettings = try TypedMessages.pack(settings)
        return config
    }

    static func outbound(
        _ tag: String, _ settings: any SwiftProtobuf.Message
    ) throws -> Xray_Core_OutboundHandlerConfig {
        var config = Xray_Core_OutboundHandlerConfig()
        config.tag = tag
        config.proxySettings = try TypedMessages.pack(settings)
        return config
    }

    /// Two numbers of a ``ByteServer`` request, and the rest of its `up` bytes.
    static func request(up: Int, down: Int) -> [UInt8] {
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        return number(up) + number(down) + [UInt8](repeating: 0x75, count: max(0, up - 8))
    }
}
