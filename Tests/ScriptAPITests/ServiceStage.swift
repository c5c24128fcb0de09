// SPDX-License-Identifier: Apache-2.0
import Automation
import ControlAPI
import ControlServer
import Foundation
import GRPCWire
import NIOCore
import NIOPosix
import ProxyCore
import ProxyModel
import ProxyProtocols
import Routing
import ScriptAPI
import Synchronization
import Telemetry
import TestSupport
import XrayProtos

/// A core with one VLESS user (which carries no traffic), scripts in a folder, and the service on a socket.
final class ServiceStage: Sendable {
    let folder: URL
    let automation: Automation
    let client: ScriptClient
    let log = LineBox()
    private let server: ControlServer
    private let core: ProxyCore

    var socket: String { folder.appendingPathComponent("core.sock").path }

    /// - Parameter scripts: Sources by name.
    init(scripts: [String: String] = [:]) async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tg-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var configuration = CoreSettings()
        configuration.inbounds = [try Self.inbound()]
        let log = log
        let group = MultiThreadedEventLoopGroup.singleton
        let coreLog = try CoreLog(LogSettings(errorLevel: .debug, error: .console, access: .none)) { bytes in
            log.add(String(decoding: bytes, as: UTF8.self))
        }
        core = try ProxyCore(
            configuration, factory: ProtocolRegistry.all, log: coreLog, group: group, assets: AssetDirectory())
        try await core.start()
        var settings = AutomationSettings()
        settings.reload = nil
        for (name, source) in scripts {
            let file = folder.appendingPathComponent(name + ".lua")
            try Data(source.utf8).write(to: file)
            settings.scripts.append(AutomationSettings.Script(name: name, path: file.path))
        }
        let automation = try await Automation.start(settings: settings, control: core)
        self.automation = automation
        let service = ScriptService(version: "test") { automation }
        let addition = ServiceAddition(name: "ScriptService", fullName: ScriptService.fullName) { service.add(to: &$0) }
        server = ControlServer(
            plane: core,
            selection: ServiceSelection(names: ["ScriptService", "HandlerService"], additions: ["ScriptService"]),
            group: group, additions: [addition])
        let socket = folder.appendingPathComponent("core.sock").path
        try await server.listen(on: socket + ",0600")
        client = try ScriptClient(target: socket, group: group)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func end() async {
        await client.close()
        await server.stop(grace: .zero)
        await automation.stop(grace: .zero)
        await core.stop(grace: .zero)
    }

    /// A session, and the lines that it has printed.
    func console(_ mode: ConsoleMode = .full) async throws -> (ConsoleConnection, LineBox) {
        let lines = LineBox()
        let session = try await client.openConsole(mode) { line in
            lines.add((line.level.isEmpty ? "" : "[\(line.level)] ") + line.text)
        } onPlanned: {
            lines.add("planned \($0)")
        }
        return (session, lines)
    }

    final class LineBox: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }

        /// Waits until a line has the text.
        func wait(for text: String) async throws {
            try await eventually { all.contains { $0.contains(text) } }
        }
    }

    private static func inbound() throws -> Xray_Core_InboundHandlerConfig {
        var account = Xray_Proxy_Vless_Account()
        account.id = "b831381d-6324-4d53-ad4f-8cda48b30811"
        var user = Xray_Common_Protocol_User()
        user.email = "alice@example.com"
        user.account = try TypedMessages.pack(account)
        var settings = Xray_Proxy_Vless_Inbound_Config()
        settings.decryption = "none"
        settings.users = [user]
        var receiver = Xray_App_Proxyman_ReceiverConfig()
        receiver.listen.address = .ip(Data([127, 0, 0, 1]))
        var config = Xray_Core_InboundHandlerConfig()
        config.tag = "vless-in"
        // No port: there is nothing to listen for.
        config.receiverSettings = try TypedMessages.pack(receiver)
        config.proxySettings = try TypedMessages.pack(settings)
        return config
    }
}
