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
import ScriptAPI
import Synchronization
import Telemetry
import XrayProtos

/// The composition root: one core, its API server and its scripts, made from a configuration.
final class ProxyService: Sendable {
    private let configuration: CoreConfiguration
    private let group: MultiThreadedEventLoopGroup
    /// One thread for the API: long answers hold up no traffic, and its clients' calls are met by a thread that is awake.
    private let controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let log: CoreLog
    private let core: ProxyCore
    private let server: ControlServer?
    /// The API and the scripts' service, for those who may open the local socket.
    private let localServer: ControlServer
    private let automation: AutomationBox
    private let files: [String]

    /// Scripts begin after the API, whose service for them has to know them.
    private final class AutomationBox: Sendable {
        let running = Mutex<Automation?>(nil)
    }

    /// Builds everything and opens only the log files.
    ///
    /// - Parameters:
    ///   - files: What the configuration was read from, for when it is to be read again.
    ///   - console: Takes the log lines that would go to standard output.
    /// - Throws: An exit status, after one line on standard error.
    init(
        _ configuration: CoreConfiguration, files: [String], console: (@Sendable ([UInt8]) -> Void)? = nil
    ) throws {
        self.files = files
        for (name, value) in configuration.environment { setenv(name, value, 1) }
        self.configuration = configuration
        group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        do {
            log = try CoreLog(LogSettings(configuration.log), console: console)
        } catch {
            CommandFailure.report("Failed to start: log: \(error)")
            throw CommandFailure.failedStart
        }
        core = try Self.reporting { [log, group] in try Self.makeCore(configuration, log: log, group: group) }
        let automation = AutomationBox()
        self.automation = automation
        let scripts = ScriptService(version: Version.number) { automation.running.withLock { $0 } }
        let addition = ServiceAddition(
            name: APIConfiguration.Service.script.rawValue, fullName: ScriptService.fullName,
            add: { scripts.add(to: &$0) })
        server = configuration.api.map { [core, controlGroup] api in
            let names = api.services.map(\.rawValue)
            return ControlServer(
                plane: core, selection: ServiceSelection(names: names, additions: [addition.name]),
                group: controlGroup, additions: [addition])
        }
        let all = APIConfiguration.Service.allCases.map(\.rawValue)
        localServer = ControlServer(
            plane: core, selection: ServiceSelection(names: all, additions: [addition.name]), group: controlGroup,
            additions: [addition])
    }

    /// Builds a core from the configuration and throws it away.
    static func check(_ configuration: CoreConfiguration) throws {
        try reporting { try build(configuration) }
    }

    /// The same, for callers that tell a `ConfigurationError` themselves.
    static func build(_ configuration: CoreConfiguration) throws {
        _ = try silentCore(configuration)
    }

    /// A core that listens nowhere: with the inbounds, users, outbounds and rules of a configuration, or with nothing in it.
    static func idleCore(_ configuration: CoreConfiguration?) async throws -> ProxyCore {
        var configuration = configuration ?? CoreConfiguration()
        for index in configuration.inbounds.indices {
            let settings = configuration.inbounds[index].receiverSettings
            guard var receiver = try? settings.typed(as: Xray_App_Proxyman_ReceiverConfig.self) else { continue }
            receiver.clearPortList()
            receiver.listen.address = .ip(Data([127, 0, 0, 1]))
            guard let packed = try? TypedMessages.pack(receiver) else { continue }
            configuration.inbounds[index].receiverSettings = packed
        }
        let core = try reporting { [configuration] in try silentCore(configuration) }
        try await core.start()
        return core
    }

    private static func silentCore(_ configuration: CoreConfiguration) throws -> ProxyCore {
        let silent = LogSettings(errorLevel: .none, error: .none, access: .none)
        guard let log = try? CoreLog(silent) else { throw CommandFailure.failedStart }
        return try makeCore(configuration, log: log, group: MultiThreadedEventLoopGroup.singleton)
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
            throw ConfigurationError(message: error.message, place: place)
        }
    }

    /// Tells a refused configuration in one line on standard error.
    private static func reporting<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as ConfigurationError {
            CommandFailure.report("Failed to start: \(error)")
            throw CommandFailure.badConfiguration
        }
    }

    /// How long connections wait for scripts that are still loading.
    private static let loadLimit = Duration.seconds(5)

    /// Takes the inbounds' ports, opens the API, loads the scripts, and lets connections in once those have done what they do at once:
    /// what a script has to set right after a restart, such as who is out of quota, holds for the first connection. What was opened
    /// is closed again when one fails.
    func start() async throws {
        let core = core
        let patience = Task {
            try await Task.sleep(for: Self.loadLimit)
            await core.accept()
        }
        defer { patience.cancel() }
        do {
            if let server, let api = configuration.api, api.listen.isEmpty {
                try core.addInternalOutbound(tag: api.tag, APIOutbound(server: server))
            }
            try await core.start(accepting: false)
            if let server, let api = configuration.api, !api.listen.isEmpty {
                try await server.listen(on: api.listen)
            }
            prepareReload()
            if let scripts = configuration.automation { try await start(scripts) }
            await automation.running.withLock { $0 }?.settle(atMost: Self.loadLimit)
            await core.accept()
        } catch {
            await stop(grace: .zero)
            CommandFailure.report("Failed to start: \(error)")
            throw CommandFailure.failedStart
        }
        log.write(.warning, "core", "Tidegate \(Version.number) started")
    }

    private func start(_ scripts: AutomationConfiguration) async throws {
        let running = try await Automation.start(settings: AutomationSettings(scripts), control: core)
        automation.running.withLock { $0 = running }
        try await openSocket(scripts)
    }

    private func prepareReload() {
        let reload = ConfigurationReload(
            files, current: configuration, core: core,
            scripts: .init(
                running: { [automation] in automation.running.withLock { $0 } },
                start: { [weak self] in try await self?.start($0) }))
        core.onReload { try await reload.reload($0, by: $1) }
    }

    /// Reads the configuration's files again and applies what is different; the log tells what came of it. The log files are opened
    /// anew, too, as those who rename them expect of this signal.
    func reload(by caller: ControlCaller) async {
        do {
            _ = try await core.restartLogger(.init(), by: caller)
        } catch {
            log.write(.error, "core", "the log files were not opened anew: \(error)")
        }
        _ = try? await core.reload(.init(), by: caller)
    }

    /// A path that nobody has asked for is no reason not to start.
    private func openSocket(_ scripts: AutomationConfiguration) async throws {
        guard let socket = scripts.socket else { return }
        let path = URL(fileURLWithPath: socket).path
        do {
            try await localServer.listen(on: path + ",0600")
        } catch {
            guard !scripts.isSocketNamed else { throw error }
            log.write(.warning, "automation", "\(error); `tidegate script` and `tidegate repl` cannot reach this core")
        }
    }

    /// Ends in the order in which things depend on each other: no new connections, then the scripts, then the flows (which
    /// may go on for `grace`), the API, and the log last.
    func stop(grace: Duration) async {
        await core.stopListening()
        await automation.running.withLock { $0 }?.stop(grace: grace)
        await localServer.stop(grace: .zero)
        await core.stop(grace: grace)
        await server?.stop(grace: .seconds(1))
        log.write(.warning, "core", "stopped")
        log.close()
        try? await controlGroup.shutdownGracefully()
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
    init(_ automation: AutomationConfiguration) {
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
        consoleLimits = ScriptLimits(automation.limits)
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
