// SPDX-License-Identifier: Apache-2.0
import Automation
import ControlAPI
import Foundation
import ProxyConfig
import ProxyCore
import ProxyModel
import SwiftProtobuf
import Telemetry
import XrayProtos

/// Reads the files of a running core again, and applies what is different.
///
/// First the files as they are now are compared with what they said before, not with the core: what the API and scripts have
/// changed stays, unless the files say something new about it. Everything is checked, by building a core and by loading scripts on
/// trial, before anything is changed.
actor ConfigurationReload {
    /// What runs the scripts; made when a configuration has some for the first time.
    struct Scripts: Sendable {
        var running: @Sendable () -> Automation?
        var start: @Sendable (AutomationConfiguration) async throws -> Void
    }

    private let files: [String]
    private let core: ProxyCore
    private let scripts: Scripts
    /// What is in use; of what needs a restart, what was read at the start.
    private var current: CoreConfiguration
    private var isBusy = false

    init(_ files: [String], current: CoreConfiguration, core: ProxyCore, scripts: Scripts) {
        self.files = files
        self.current = current
        self.core = core
        self.scripts = scripts
    }

    /// Reloads, and tells the log what came of it.
    /// - Throws: ``ControlError`` with one line that names the place; nothing is changed then.
    func reload(
        _ request: Tidegate_Core_V1_ReloadRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_ReloadResponse {
        guard !request.dryRun else { return try await reload(isDry: true, by: caller) }
        do {
            let answer = try await reload(isDry: false, by: caller)
            for warning in answer.warnings { core.log.write(.warning, "core", "reload: \(warning)") }
            let count = answer.changes.count
            let what = count == 0 ? "nothing is different" : "\(count) change\(count == 1 ? "" : "s")"
            core.log.write(.warning, "core", "configuration reloaded by \(caller): \(what)")
            return answer
        } catch {
            core.log.write(.error, "core", "configuration not reloaded, asked by \(caller): \(error)")
            throw error
        }
    }

    private func reload(isDry: Bool, by caller: ControlCaller) async throws -> Tidegate_Core_V1_ReloadResponse {
        guard !isBusy else { throw ControlError("the configuration is being reloaded already") }
        isBusy = true
        defer { isBusy = false }
        guard current.automation == nil || scripts.running() != nil else {
            throw ControlError("the core is still being started")
        }
        let new = try await Self.checked(files)
        let plan = ReloadPlan(from: CoreSettings(current), to: CoreSettings(new))
        var changes = plan.lines
        var warnings = new.warnings.map { "\($0)" } + MissingParts.warnings(new) + Self.fixedParts(current, new)

        var update: Automation.Update?
        if let running = scripts.running() {
            do {
                update = try await running.planUpdate(AutomationSettings(new.automation ?? .init()))
            } catch {
                throw ControlError("automation: \(error)")
            }
            changes += update?.lines ?? []
        } else if let automation = new.automation {
            changes += automation.scripts.map { "script \($0.name) added" }
        }
        guard !isDry else { return Self.answer(changes, warnings) }

        try await core.apply(plan, by: caller)
        if let running = scripts.running(), let update {
            warnings += await running.apply(update)
        } else if let automation = new.automation {
            do { try await scripts.start(automation) } catch { warnings.append("automation: not started: \(error)") }
        }
        current.inbounds = new.inbounds
        current.outbounds = new.outbounds
        current.router = new.router
        let process = current.automation
        current.automation = new.automation
        if let process, scripts.running() != nil {
            current.automation = new.automation ?? .init()
            current.automation?.store = process.store
            current.automation?.socket = process.socket
            current.automation?.files = process.files
        }
        core.bus.publish(.configurationReloaded(changes: changes.count, by: "\(caller)"))
        return Self.answer(changes, warnings)
    }

    private static func answer(_ changes: [String], _ warnings: [String]) -> Tidegate_Core_V1_ReloadResponse {
        .with {
            $0.changes = changes
            $0.warnings = warnings
        }
    }

    /// The files as they are now, of which a core can be made. Reading and building take a thread of their own for a while.
    private static func checked(_ files: [String]) async throws -> CoreConfiguration {
        guard !files.contains(ConfigurationLoader.standardInputName) else {
            throw ControlError("the configuration came from standard input, which cannot be read again")
        }
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                do {
                    let configuration = try ConfigurationLoader().load(files)
                    try ProxyService.build(configuration)
                    continuation.resume(returning: configuration)
                } catch {
                    continuation.resume(throwing: ControlError("\(error)"))
                }
            }
        }
    }

    /// What is different and cannot change while the core runs, one line each.
    private static func fixedParts(_ old: CoreConfiguration, _ new: CoreConfiguration) -> [String] {
        var names: [String] = []
        func compare<Part: Equatable>(_ name: String, _ part: Swift.KeyPath<CoreConfiguration, Part>) {
            if old[keyPath: part] != new[keyPath: part] { names.append(name) }
        }
        compare("log", \.log)
        compare("api", \.api)
        compare("stats", \.statsEnabled)
        compare("policy", \.policy)
        compare("dns", \.dns)
        compare("fakeDns", \.fakeDNS)
        compare("metrics", \.metrics)
        compare("observatory", \.observatory)
        compare("burstObservatory", \.burstObservatory)
        compare("geodata", \.geodata)
        compare("env", \.environment)
        if old.automation != nil {
            compare("automation.store", \.automation?.store)
            compare("automation.socket", \.automation?.socket)
            compare("automation.files", \.automation?.files)
        }
        return names.map { "\($0): different, and needs a restart" }
    }
}
