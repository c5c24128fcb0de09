// SPDX-License-Identifier: Apache-2.0
import Automation
import Foundation
import LuaRuntime
import ProxyModel
import SwiftProtobuf
import XrayProtos

/// What the automation knows, as the service's messages.
extension Tidegate_Script_V1_Script {
    init(_ status: ScriptStatus) {
        self.init()
        name = status.name
        path = status.path
        phase = status.phase.rawValue
        version = UInt32(clamping: status.version)
        loaded = status.loaded?.sinceEpoch ?? 0
        error = status.error ?? ""
        memory = UInt64(clamping: status.memory)
        schedules = status.schedules.map { .init($0) }
        subscriptions = status.subscriptions.map { .init($0) }
        subscriptionCount = UInt32(clamping: status.subscriptionCount)
    }
}

extension Tidegate_Script_V1_Schedule {
    init(_ status: ScheduleStatus) {
        self.init()
        name = status.name
        trigger = status.trigger
        overlap = status.overlap
        next = status.next?.sinceEpoch ?? 0
        running = UInt32(clamping: status.running)
        waiting = UInt32(clamping: status.waiting)
        runs = UInt64(clamping: status.runs)
        failures = UInt64(clamping: status.failures)
        skipped = UInt64(clamping: status.skipped)
        if let record = status.lastRun { lastRun = .init(record) }
    }
}

extension Tidegate_Script_V1_Run {
    init(_ record: RunRecord) {
        self.init()
        script = record.script
        schedule = record.schedule
        scheduled = record.scheduled.sinceEpoch
        started = record.started.sinceEpoch
        ended = record.ended.sinceEpoch
        outcome = record.outcome.rawValue
        error = record.error
        traceback = record.traceback
        let (seconds, attoseconds) = record.cpu.components
        cpuNanoseconds = UInt64(clamping: seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        memory = UInt64(clamping: record.memory)
        calls = UInt32(clamping: record.calls)
        lines = record.lines
    }
}

extension Tidegate_Script_V1_LogLine {
    init(_ line: ScriptLogLine) {
        self.init()
        time = line.time.sinceEpoch
        level = line.level.label.lowercased()
        script = line.script
        message = line.message
    }
}

extension Tidegate_Script_V1_ConsoleResponse.OneOf_Response {
    init(_ outcome: ConsoleOutcome, mayContinue: Bool) {
        switch outcome {
        case .values(let values):
            var encoder = ValueEncoder()
            self = .result(.with { $0.values = values.map { encoder.encode($0) } })
        case .failed(let failure, let message, let traceback):
            self = .failure(
                .with {
                    $0.kind = .init(failure, mayContinue: mayContinue)
                    $0.message = message
                    $0.traceback = traceback
                })
        }
    }
}

extension Tidegate_Script_V1_EvaluateFailure.Kind {
    fileprivate init(_ failure: ConsoleOutcome.Failure, mayContinue: Bool) {
        switch failure {
        case .failed: self = .failed
        case .syntax(let incomplete): self = incomplete && mayContinue ? .incomplete : .syntax
        case .interrupted: self = .interrupted
        case .limit: self = .limit
        case .closed: self = .closed
        }
    }
}

/// Lua values as messages, cut off when together they are larger than a screen could ever need.
struct ValueEncoder {
    /// Bytes of text that are left.
    private var budget = 1 << 20
    private static let longest = 64 << 10

    mutating func encode(_ value: LuaValue) -> Tidegate_Script_V1_Value {
        var message = Tidegate_Script_V1_Value()
        switch value {
        case .nil: break
        case .boolean(let value): message.boolean = value
        case .integer(let value): message.integer = value
        case .number(let value): message.number = value
        case .string(let value): message.text = cut(value)
        case .bytes(let value):
            let part = value.prefix(min(Self.longest, max(0, budget)))
            budget -= part.count
            message.octets = Data(part)
        case .table(let table):
            message.table = .with { result in
                result.elements = table.array.map { encode($0) }
                result.fields = table.fields.map { key, value in
                    .with {
                        $0.key = encode(key)
                        $0.value = encode(value)
                    }
                }
            }
        case .function: message.other = "function"
        case .other(let name): message.other = name
        }
        return message
    }

    private mutating func cut(_ text: String) -> String {
        let limit = min(Self.longest, max(0, budget))
        let size = text.utf8.count
        budget -= min(size, limit)
        guard size > limit else { return text }
        return String(decoding: text.utf8.prefix(limit), as: UTF8.self) + "…"
    }
}

extension Date {
    /// Milliseconds since 1970.
    fileprivate var sinceEpoch: Int64 { Int64((timeIntervalSince1970 * 1000).rounded()) }
}
