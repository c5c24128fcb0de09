// SPDX-License-Identifier: Apache-2.0
import Automation
import ControlAPI
import ControlServer
import Foundation
import NIOCore
import NIOPosix
import ProxyConfig
import ProxyCore
import ProxyModel
import ProxyProtocols
import Routing
import Synchronization
import Telemetry
import XrayProtos

/// The composition root: one core, its API server and its scripts, made from a configuration.
final class ProxyService: Sendable {
    private let configuration: CoreConfiguration
    private let group: MultiThreadedEventLoopGroup
    private let log: CoreLog
    private let core: ProxyCore
    private let server: ControlServer?
    private let automation = Mutex<Automation?>(nil)

    /// Builds everything and opens only the log files.
    /// - Throws: An exit status, after one line on standard error.
    init(_ configuration: CoreConfiguration) throws {
        for (name, value) in configuration.environment { setenv(name, value, 1) }
        self.configuration = configuration
        group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        do {
            log = try CoreLog(LogSettings(configuration.log))
        } catch {
            CommandFailure.report("Failed to start: log: \(error)")
            throw CommandFailure.failedStart
        }
        core = try Self.makeCore(configuration, log: log, group: group)
        server = configuration.api.map { [core, group] api in
            ControlServer(
                plane: core, selection: ServiceSelection(names: api.services.map(\.rawValue)), group: group)
        }
    }

    /// Builds a core from the configuration and throws it away.
    static func check(_ configuration: CoreConfiguration) throws {
        let silent = LogSettings(errorLevel: .none, error: .none, access: .none)
        guard let log = try? CoreLog(silent) else { throw CommandFailure.failedStart }
        _ = try makeCore(configuration, log: log, group: MultiThreadedEventLoopGroup.singleton)
    }

    private static func makeCore(
        _ configuration: CoreConfiguration, log: CoreLog, group: any EventLoopGroup
    ) throws -> ProxyCore {
        do {
            return try ProxyCore(
                CoreSettings(configuration), factory: ProtocolRegistry.all, log: log, group: group,
                assets: AssetDirectory())
        } catch let error as CoreBuildError {
            let place =
                switch error.part {
                case .inbound(let index): configuration.inboundPlaces[index]
                case .outbound(let index): configuration.outboundPlaces[index]
                case .routing: ConfigurationPlace(keyPath: "routing")
                }
            CommandFailure.report("Failed to start: \(ConfigurationError(message: error.message, place: place))")
            throw CommandFailure.badConfiguration
        }
    }

    /// Opens the inbounds, the API and the scripts, in this order; what was opened is closed again when one fails.
    func start() async throws {
        do {
            if let server, let api = configuration.api, api.listen.isEmpty {
                try core.addInternalOutbound(tag: api.tag, APIOutbound(server: server))
            }
            try await core.start()
            if let server, let api = configuration.api, !api.listen.isEmpty {
                try await server.listen(on: api.listen)
            }
            if let scripts = configuration.automation {
                let running = try await Automation.start(settings: AutomationSettings(scripts), control: core)
                automation.withLock { $0 = running }
            }
        } catch {
            await stop(grace: .zero)
            CommandFailure.report("Failed to start: \(error)")
            throw CommandFailure.failedStart
        }
        log.write(.warning, "core", "Tidegate \(Version.number) started")
    }

    /// Ends in the order in which things depend on each other: no new connections, then the scripts, then the flows (which
    /// may go on for `grace`), the API, and the log last.
    func stop(grace: Duration) async {
        await core.stopListening()
        await automation.withLock { $0 }?.stop(grace: grace)
        await core.stop(grace: grace)
        await server?.stop(grace: .seconds(1))
        log.write(.warning, "core", "stopped")
        log.close()
        try? await group.shutdownGracefully()
    }
}

extension CoreSettings {
    init(_ configuration: CoreConfiguration) {
        self.init()
        inbounds = configuration.inbounds
        outbounds = configuration.outbounds
        routing = configuration.router
        policy = configuration.policy ?? .init()
        keepsStatistics = configuration.statsEnabled
    }
}

extension LogSettings {
    fileprivate init(_ log: LogConfiguration) {
        self.init(
            errorLevel: log.level, error: LogTarget(log.error), access: LogTarget(log.access), dnsLog: log.dnsLog,
            maskAddress: log.maskAddress)
    }
}

extension LogTarget {
    fileprivate init(_ target: LogConfiguration.Target) {
        switch target {
        case .none: self = .none
        case .console: self = .console
        case .file(let path): self = .file(path: path)
        }
    }
}

extension AutomationSettings {
    fileprivate init(_ automation: AutomationConfiguration) {
        self.init()
        store = automation.store
        files = automation.files?.folder
        if let quota = automation.files?.quota { filesQuota = quota }
        http.allow = automation.http.allowedHosts
        if let timeout = automation.http.timeout { http.timeout = .nanoseconds(timeout) }
        if let largest = automation.http.largest { http.largest = Int(clamping: largest) }
        objects = ConfigurationObjects(
            inbound: { try ConfigurationParts.inbound(from: JSONDocument(text: $0).root) },
            outbound: { try ConfigurationParts.outbound(from: JSONDocument(text: $0).root) },
            rule: { try ConfigurationParts.rule(from: JSONDocument(text: $0).root) })
        if !http.allow.isEmpty { http.client = AsyncScriptHTTPClient() }
        scripts = automation.scripts.map { script in
            var item = Script(name: script.name, path: script.path)
            item.isEnabled = script.enabled
            item.settings = script.settings.text
            item.limits = ScriptLimits(script.limits.filled(from: automation.limits))
            return item
        }
    }
}

extension ScriptLimits {
    fileprivate init(_ limits: AutomationConfiguration.Limits) {
        self.init()
        if let memory = limits.memory { self.memory = Int(clamping: memory) }
        if let instructions = limits.instructions { self.instructions = UInt64(clamping: instructions) }
        if let time = limits.time { burst = .nanoseconds(time) }
        if let total = limits.total { self.total = .nanoseconds(total) }
        if let calls = limits.calls { self.calls = Int(clamping: calls) }
    }
}
