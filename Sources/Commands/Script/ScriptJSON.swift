// SPDX-License-Identifier: Apache-2.0
import Foundation
import XrayProtos

/// The `--json` forms: every field is there, times are seconds since 1970 or null, keys are sorted.
enum ScriptJSON {
    static func text(_ value: Any, isPretty: Bool = true) -> String {
        let options: JSONSerialization.WritingOptions =
            isPretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? JSONSerialization.data(withJSONObject: value, options: options) else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }

    static func object(_ script: Tidegate_Script_V1_Script) -> [String: Any] {
        [
            "name": script.name, "path": script.path, "phase": script.phase, "version": script.version,
            "loaded": time(script.loaded), "error": script.error, "memory": script.memory,
            "schedules": script.schedules.map(object), "subscriptions": script.subscriptions.map(object),
            "subscription_count": script.subscriptionCount,
        ]
    }

    static func object(_ schedule: Tidegate_Script_V1_Schedule) -> [String: Any] {
        [
            "name": schedule.name, "trigger": schedule.trigger, "overlap": schedule.overlap,
            "next": time(schedule.next),
            "running": schedule.running, "waiting": schedule.waiting, "runs": schedule.runs,
            "failures": schedule.failures, "skipped": schedule.skipped,
            "last_run": schedule.hasLastRun ? object(schedule.lastRun) : NSNull(),
        ]
    }

    static func object(_ run: Tidegate_Script_V1_Run) -> [String: Any] {
        [
            "script": run.script, "schedule": run.schedule, "scheduled": time(run.scheduled),
            "started": time(run.started), "ended": time(run.ended), "outcome": run.outcome, "error": run.error,
            "traceback": run.traceback, "cpu": Double(run.cpuNanoseconds) / 1e9, "memory": run.memory,
            "calls": run.calls, "lines": run.lines,
        ]
    }

    static func object(_ line: Tidegate_Script_V1_LogLine) -> [String: Any] {
        ["time": time(line.time), "level": line.level, "script": line.script, "message": line.message]
    }

    /// A Lua value. A table with elements alone is an array, every other one an object; a string that is not UTF-8 is
    /// `{"base64": …}`, a number that JSON does not have and what has no value outside is its name.
    static func value(_ value: Tidegate_Script_V1_Value) -> Any {
        switch value.value {
        case nil: return NSNull()
        case .boolean(let flag): return flag
        case .integer(let number): return number
        case .number(let number): return number.isFinite ? number as Any : "\(number)"
        case .text(let text): return text
        case .octets(let bytes): return ["base64": bytes.base64EncodedString()]
        case .other(let name): return name
        case .table(let table):
            if table.fields.isEmpty { return table.elements.map { self.value($0) } }
            var object: [String: Any] = [:]
            for (index, element) in table.elements.enumerated() { object["\(index + 1)"] = self.value(element) }
            for field in table.fields { object[key(field.key)] = self.value(field.value) }
            return object
        }
    }

    private static func key(_ value: Tidegate_Script_V1_Value) -> String {
        switch value.value {
        case .text(let text): text
        case .integer(let number): "\(number)"
        case .number(let number): "\(number)"
        case .boolean(let flag): "\(flag)"
        case .octets(let bytes): bytes.base64EncodedString()
        case .other(let name): name
        case .table, nil: "?"
        }
    }

    private static func time(_ milliseconds: Int64) -> Any {
        milliseconds == 0 ? NSNull() : Double(milliseconds) / 1000 as Any
    }
}
