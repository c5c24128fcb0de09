// SPDX-License-Identifier: Apache-2.0
import Foundation
import XrayProtos

/// Scripts, runs and log lines as people read them.
enum ScriptReport {
    static func table(_ scripts: [Tidegate_Script_V1_Script], now: Date = Date()) -> TextTable {
        var table = TextTable(
            ["NAME", "PHASE", "RUNS", "FAILED", "NEXT", "MEMORY", "CALLED"],
            alignments: [.left, .left, .right, .right, .left, .right, .left])
        for script in scripts {
            let next = script.schedules.map(\.next).filter { $0 > 0 }.min()
            table.add([
                DisplayText.safe(script.name), script.phase, "\(all(script).reduce(0) { $0 + $1.runs })",
                "\(all(script).reduce(0) { $0 + $1.failures })", next.map { until($0, now) } ?? "-",
                script.memory > 0 ? size(script.memory) : "-",
                called(script),
            ])
        }
        return table
    }

    private static func all(_ script: Tidegate_Script_V1_Script) -> [Tidegate_Script_V1_Schedule] {
        script.schedules + script.subscriptions
    }

    /// When a script is called, the first few of its reasons.
    private static func called(_ script: Tidegate_Script_V1_Script) -> String {
        let triggers = all(script).map(\.trigger)
        let shown = triggers.prefix(6).joined(separator: ", ")
        let others = script.schedules.count + Int(script.subscriptionCount) - min(6, triggers.count)
        return DisplayText.safe(others > 0 ? "\(shown) and \(others) more" : shown)
    }

    /// What is wrong with scripts, a line for each.
    static func problems(_ scripts: [Tidegate_Script_V1_Script]) -> String {
        scripts.filter { !$0.error.isEmpty }
            .map { "\(DisplayText.safe($0.name)): \(DisplayText.safe($0.error))\n" }.joined()
    }

    static func line(_ script: Tidegate_Script_V1_Script) -> String {
        let error = script.error.isEmpty ? "" : ": \(DisplayText.safe(script.error))"
        return "\(DisplayText.safe(script.name)) is \(script.phase)\(error)"
    }

    /// All about one script.
    static func details(_ script: Tidegate_Script_V1_Script, now: Date = Date()) -> String {
        var text = line(script) + "\n"
        text += "file     \(DisplayText.safe(script.path))\n"
        if script.loaded > 0 { text += "loaded   \(time(script.loaded)) (version \(script.version))\n" }
        if script.memory > 0 { text += "memory   \(size(script.memory))\n" }
        guard !all(script).isEmpty else { return text }
        var table = TextTable(
            ["SCHEDULE", "TRIGGER", "RUNS", "FAILED", "SKIPPED", "NEXT", "LAST"],
            alignments: [.left, .left, .right, .right, .right])
        for schedule in all(script) {
            let last = schedule.hasLastRun ? "\(schedule.lastRun.outcome) at \(time(schedule.lastRun.started))" : "-"
            table.add([
                DisplayText.safe(schedule.name), DisplayText.safe(schedule.trigger), "\(schedule.runs)",
                "\(schedule.failures)", "\(schedule.skipped)", schedule.next > 0 ? until(schedule.next, now) : "-",
                last,
            ])
        }
        text += "\n" + table.text()
        for schedule in all(script) where schedule.hasLastRun && !schedule.lastRun.error.isEmpty {
            text += "\(DisplayText.safe(schedule.name)): \(DisplayText.safe(schedule.lastRun.error))\n"
        }
        return text
    }

    static func table(_ runs: [Tidegate_Script_V1_Run]) -> TextTable {
        var table = TextTable(
            ["STARTED", "SCRIPT", "SCHEDULE", "OUTCOME", "TOOK", "LATE", "CPU", "MEMORY", "CALLS", "ERROR"],
            alignments: [.left, .left, .left, .left, .right, .right, .right, .right, .right])
        for run in runs {
            table.add([
                time(run.started), DisplayText.safe(run.script), DisplayText.safe(run.schedule), run.outcome,
                milliseconds(run.ended - run.started), milliseconds(max(0, run.started - run.scheduled)),
                cpu(run.cpuNanoseconds), size(run.memory), "\(run.calls)",
                DisplayText.safe(run.error),
            ])
        }
        return table
    }

    /// All about runs: where they failed, and what they logged.
    static func details(_ runs: [Tidegate_Script_V1_Run]) -> String {
        runs.map { run in
            var text =
                "\(time(run.started)) \(DisplayText.safe(run.script)): \(DisplayText.safe(run.schedule)) \(run.outcome)"
            text += " in \(milliseconds(run.ended - run.started))"
            text += " (cpu \(cpu(run.cpuNanoseconds)), memory \(size(run.memory)), calls \(run.calls))\n"
            if !run.error.isEmpty { text += "  \(DisplayText.safe(run.error))\n" }
            for line in run.traceback.split(separator: "\n") { text += "  \(DisplayText.safe(String(line)))\n" }
            for line in run.lines { text += "  \(DisplayText.safe(line))\n" }
            return text
        }.joined()
    }

    static func line(_ line: Tidegate_Script_V1_LogLine) -> String {
        "\(time(line.time)) [\(line.level)] \(DisplayText.safe(line.script)): \(DisplayText.safe(line.message))"
    }

    /// What a run has done.
    static func show(_ answer: Tidegate_Script_V1_RunScriptResponse, _ output: (String) -> Void) throws {
        for change in answer.changes { output("would call \(DisplayText.safe(change))\n") }
        let run = answer.run
        guard run.outcome == "ok" else {
            throw ScriptFailure("\(run.script): \(run.schedule) \(run.outcome): \(DisplayText.safe(run.error))")
        }
        output(
            "\(DisplayText.safe(run.script)): \(DisplayText.safe(run.schedule)) ok in \(milliseconds(run.ended - run.started))\n"
        )
    }

    // MARK: -

    static func time(_ milliseconds: Int64) -> String {
        guard milliseconds > 0 else { return "-" }
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return "-" }
        var text = [CChar](repeating: 0, count: 64)
        strftime(&text, text.count, "%Y-%m-%d %H:%M:%S", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func until(_ time: Int64, _ now: Date) -> String {
        let seconds = max(0, Double(time) / 1000 - now.timeIntervalSince1970)
        switch seconds {
        case ..<90: return String(format: "in %.0fs", seconds)
        case ..<5400: return String(format: "in %.0fm", seconds / 60)
        case ..<129_600: return String(format: "in %.0fh", seconds / 3600)
        default: return String(format: "in %.0fd", seconds / 86_400)
        }
    }

    static func milliseconds(_ number: Int64) -> String {
        number < 10_000 ? "\(number)ms" : String(format: "%.1fs", Double(number) / 1000)
    }

    static func cpu(_ nanoseconds: UInt64) -> String {
        nanoseconds < 10_000_000
            ? "\(nanoseconds / 1000)us" : milliseconds(Int64(clamping: nanoseconds / 1_000_000))
    }

    static func size(_ bytes: UInt64) -> String {
        switch bytes {
        case ..<1024: "\(bytes)B"
        case ..<(1 << 20): String(format: "%.0fK", Double(bytes) / 1024)
        default: String(format: "%.1fM", Double(bytes) / 1_048_576)
        }
    }
}

/// Why a command on scripts failed.
struct ScriptFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
