// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Testing

@testable import Automation

/// Scripts in a folder of their own, run under a virtual clock against a ``CoreDouble``.
final class ScriptBench: Sendable {
    let clock = VirtualClock()
    let core = CoreDouble()
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tidegate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var storePath: String { folder.appendingPathComponent("store.db").path }

    @discardableResult
    func write(_ name: String, _ source: String) throws -> AutomationSettings.Script {
        let file = folder.appendingPathComponent("\(name).lua")
        try Data(source.utf8).write(to: file, options: .atomic)
        return AutomationSettings.Script(name: name, path: file.path)
    }

    func start(
        _ scripts: AutomationSettings.Script..., configure: (inout AutomationSettings) -> Void = { _ in }
    ) async throws -> Automation {
        var settings = AutomationSettings()
        settings.scripts = scripts
        settings.store = storePath
        settings.zone = .gmt
        configure(&settings)
        return try await Automation.start(settings: settings, control: core, clock: clock)
    }

    /// Lets time pass, and the scripts do what is due in it.
    func pass(_ duration: Duration, _ automation: Automation) async {
        await automation.quiet()
        await clock.advance(by: duration) { await automation.quiet() }
    }

    /// Runs one chunk as a script, and tells what it has logged.
    func run(_ source: String, settings: String = "{}") async throws -> [String] {
        var script = try write("chunk", source)
        script.settings = settings
        let automation = try await start(script)
        await automation.quiet()
        await automation.stop(grace: .zero)
        return core.log.filter { $0.firstMatch(of: /loaded, \d+ schedules?/) == nil }
    }
}
