// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Automation
import Foundation
import ProxyConfig
import ProxyCore
import ProxyModel

/// `tidegate script check`.
struct ScriptCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Compile scripts, and load them without a running core.",
        discussion: """
            The top level of each file runs against a core that listens nowhere: that of the configuration with -c (then scripts \
            also have their settings from there, and without a FILE all of its scripts are checked), else one with nothing in \
            it. No schedule runs.

            Status: 0 when all are good, 1 otherwise.
            """)

    @Option(
        name: [.customShort("c"), .customLong("config"), .customLong("config", withSingleDash: true)],
        help: ArgumentHelp("A configuration.", valueName: "file"))
    var configurations: [String] = []

    @Flag(help: "Print JSON.") var json = false
    @Argument(help: "Files of Lua.") var files: [String] = []

    func validate() throws {
        guard !files.isEmpty || !configurations.isEmpty else { throw ValidationError("give a FILE, or -c FILE") }
    }

    func run() async throws {
        let configuration = try configurations.isEmpty ? nil : load()
        let known = configuration?.automation.map { AutomationSettings($0).scripts } ?? []
        let scripts = files.isEmpty ? known : files.map { script($0, known) }
        let core = try await ProxyService.idleCore(configuration)
        var reports: [ScriptCheck.Report] = []
        for script in scripts { reports.append(await ScriptCheck.check(script, control: core)) }
        await core.stop(grace: .zero)
        if json {
            print(ScriptJSON.text(reports.map { Self.object($0) }))
        } else if reports.isEmpty {
            print("There are no scripts.")
        } else {
            for report in reports { Self.show(report, isCoreEmpty: configuration == nil) }
        }
        if reports.contains(where: { $0.error != nil }) { throw ExitCode(1) }
    }

    private func load() throws -> CoreConfiguration {
        do {
            return try ConfigurationLoader().load(configurations)
        } catch {
            CommandFailure.report("\(error)")
            throw CommandFailure.badConfiguration
        }
    }

    /// A file that the configuration names has the settings from there.
    private func script(_ path: String, _ known: [AutomationSettings.Script]) -> AutomationSettings.Script {
        let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        if let script = known.first(where: { URL(fileURLWithPath: $0.path).resolvingSymlinksInPath().path == file }) {
            return script
        }
        return AutomationSettings.Script(
            name: URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent, path: path)
    }

    private static func show(_ report: ScriptCheck.Report, isCoreEmpty: Bool) {
        if let error = report.error {
            CommandFailure.report(DisplayText.safe("\(report.script.path): \(error)"))
            if isCoreEmpty, "\(error)".contains("not found") {
                CommandFailure.report(
                    "    (no configuration was given, so the core is empty; -c FILE checks with yours)")
            }
        } else {
            print(DisplayText.safe("\(report.script.path): good, \(called(report))"))
        }
        for line in report.lines { print(DisplayText.safe("    [\(line.level.label.lowercased())] \(line.message)")) }
    }

    /// Its schedules and subscriptions: the text of each, behind its name if it has one of its own.
    private static func called(_ report: ScriptCheck.Report) -> String {
        let all = report.schedules + report.subscriptions
        guard !all.isEmpty else { return "no schedules" }
        var texts = all.prefix(20).map { $0.name == $0.trigger ? $0.trigger : "\($0.name) (\($0.trigger))" }
        let others = report.schedules.count + report.subscriptionCount - texts.count
        if others > 0 { texts.append("\(others) more") }
        return texts.joined(separator: ", ")
    }

    private static func object(_ report: ScriptCheck.Report) -> [String: Any] {
        [
            "name": report.script.name, "path": report.script.path, "ok": report.error == nil,
            "error": report.error.map { "\($0)" } ?? "",
            "schedules": report.schedules.map { ["name": $0.name, "trigger": $0.trigger, "overlap": $0.overlap] },
            "subscriptions": report.subscriptions.map { ["name": $0.name, "trigger": $0.trigger] },
            "subscription_count": report.subscriptionCount,
        ]
    }
}
