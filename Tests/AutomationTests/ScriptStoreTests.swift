// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import Automation

struct ScriptStoreTests {
    private static func withFile<Value>(_ body: (String) throws -> Value) throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.appendingPathComponent("store.db").path)
    }

    private static func run(_ number: Int, script: String = "a", outcome: RunRecord.Outcome = .ok) -> RunRecord {
        let date = Date(timeIntervalSince1970: Double(number))
        return RunRecord(
            script: script, schedule: "every 2s", scheduled: date, started: date + 0.25, ended: date + 1,
            outcome: outcome, error: outcome == .ok ? "" : "a.lua:1: no")
    }

    @Test func aFolderThatCannotBeMadeIsToldInTheSystemsWords() {
        let error = #expect(throws: AutomationError.self) { try ScriptStore(path: "/proc/none/here.db") }
        #expect(
            error?.description
                == "store /proc/none/here.db cannot be opened: folder /proc/none cannot be made: no such file or directory"
        )
    }

    @Test func aStoreInsideAFileIsRefusedInTheSystemsWords() throws {
        let error = #expect(throws: AutomationError.self) { try ScriptStore(path: "/etc/passwd/here.db") }
        #expect(
            error?.description
                == "store /etc/passwd/here.db cannot be opened: it cannot be made: not a directory")
    }

    @Test func valuesAreKeptByScript() throws {
        let store = try ScriptStore(path: nil)
        try store.set("1", for: "k", script: "a")
        try store.set("\"x\"", for: "k", script: "b")
        #expect(try store.value("k", script: "a")?.json == "1")
        #expect(try store.value("k", script: "b")?.json == "\"x\"")
        #expect(try store.value("k", script: "c") == nil)
        #expect(try store.delete("k", script: "a"))
        #expect(try !store.delete("k", script: "a"))
        #expect(try store.value("k", script: "b") != nil)
    }

    @Test func aCommittedValueSurvivesWithoutClosing() throws {
        try Self.withFile { path in
            let first = try ScriptStore(path: path)
            try first.set("{\"used\":5}", for: "user/é", script: "quota")
            _ = try first.increment("n", by: .integer(3), script: "quota")
            first.record(Self.run(1))
            _ = try first.history(script: nil)
            // The first store stays open: nothing but its commits has reached the file.
            let second = try ScriptStore(path: path)
            #expect(try second.value("user/é", script: "quota")?.json == "{\"used\":5}")
            #expect(try second.increment("n", by: .integer(4), script: "quota") == .integer(7))
            #expect(try second.history(script: "a") == [Self.run(1)])
            first.close()
        }
    }

    @Test func theFileIsTheOwnersAlone() throws {
        try Self.withFile { path in
            _ = try ScriptStore(path: path)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
            #expect(mode?.intValue == 0o600)
        }
    }

    @Test func aFileThatIsNoDatabaseIsRefused() throws {
        try Self.withFile { path in
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(repeating: 0x41, count: 5000).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: AutomationError.self) { try ScriptStore(path: path) }
            #expect(error?.code == .store)
        }
    }

    @Test func incrementKeepsIntegersAndRefusesOverflow() throws {
        let store = try ScriptStore(path: nil)
        #expect(try store.increment("n", by: .integer(2), script: "a") == .integer(2))
        #expect(try store.increment("n", by: .real(0.5), script: "a") == .real(2.5))
        try store.set("\(Int64.max)", for: "m", script: "a")
        #expect(throws: AutomationError.self) { try store.increment("m", by: .integer(1), script: "a") }
        #expect(try store.value("m", script: "a")?.json == "\(Int64.max)")
        try store.set("\"text\"", for: "s", script: "a")
        #expect(throws: AutomationError.self) { try store.increment("s", by: .integer(1), script: "a") }
    }

    @Test func valuesExpire() throws {
        let now = Mutex(Date(timeIntervalSince1970: 1000))
        let store = try ScriptStore(path: nil, now: { now.withLock { $0 } })
        try store.set("1", for: "k", script: "a", expires: 1_060_000)
        #expect(try store.value("k", script: "a") != nil)
        #expect(try store.list(prefix: "", script: "a").count == 1)
        now.withLock { $0 += 60 }
        #expect(try store.value("k", script: "a") == nil)
        #expect(try store.list(prefix: "", script: "a").isEmpty)
        #expect(try !store.delete("k", script: "a"))
        #expect(try store.increment("k", by: .integer(1), script: "a") == .integer(1))
    }

    @Test func listGivesThePrefixInOrder() throws {
        let store = try ScriptStore(path: nil)
        for key in ["user/b", "user/a", "user", "users", "user/ÿ", "zz", "user/ä"] {
            try store.set("1", for: key, script: "a")
        }
        #expect(try store.list(prefix: "user/", script: "a").map(\.key) == ["user/a", "user/b", "user/ä", "user/ÿ"])
        #expect(try store.list(prefix: "user/", script: "a", limit: 2).map(\.key) == ["user/a", "user/b"])
        #expect(try store.list(prefix: "", script: "a").count == 7)
        #expect(try store.list(prefix: "%", script: "a").isEmpty)
    }

    @Test func aFailedChangeUndoesTheOthers() throws {
        let store = try ScriptStore(path: nil)
        try store.set("1", for: "keep", script: "a")
        let huge = String(repeating: "x", count: store.limits.value + 1)
        #expect(throws: AutomationError.self) {
            try store.apply(
                [
                    .delete(key: "keep"), .set(key: "new", json: "2", expires: nil),
                    .set(key: "huge", json: huge, expires: nil),
                ], script: "a")
        }
        #expect(try store.list(prefix: "", script: "a").map(\.key) == ["keep"])
    }

    @Test func aScriptCannotFillTheDisk() throws {
        var limits = StoreLimits()
        limits.total = 1000
        let now = Mutex(Date(timeIntervalSince1970: 0))
        let store = try ScriptStore(path: nil, limits: limits, now: { now.withLock { $0 } })
        let value = String(repeating: "7", count: 300)
        for key in ["a", "b"] { try store.set(value, for: key, script: "s") }
        try store.set(value, for: "c", script: "s", expires: 1000)
        let error = #expect(throws: AutomationError.self) { try store.set(value, for: "d", script: "s") }
        #expect(error?.code == .limit)
        try store.set(value, for: "a", script: "s")
        try store.set(value, for: "d", script: "other")
        // What has expired makes room.
        now.withLock { $0 += 2 }
        try store.set(value, for: "d", script: "s")
        for key in ["", String(repeating: "k", count: 513)] {
            #expect(throws: AutomationError.self) { try store.set("1", for: key, script: "s") }
        }
    }

    @Test func historyKeepsTheNewestRecordsOfEachScript() throws {
        var limits = StoreLimits()
        limits.history = 5
        let store = try ScriptStore(path: nil, limits: limits)
        for number in 0..<40 { store.record(Self.run(number)) }
        store.record(Self.run(99, script: "b", outcome: .failed))
        for number in 40..<42 { store.record(Self.run(number)) }
        #expect(try store.history(script: "a") == (37..<42).reversed().map { Self.run($0) })
        #expect(try store.history(script: nil).count == 6)
        #expect(try store.history(script: "b", limit: 1).first?.error == "a.lua:1: no")
        #expect(store.lostRecords == 0)
    }

    @Test func enablementIsKept() throws {
        let store = try ScriptStore(path: nil)
        try store.setEnabled(false, script: "a")
        try store.setEnabled(false, script: "b")
        try store.setEnabled(true, script: "a")
        #expect(try store.scriptSwitches() == ["a": true, "b": false])
    }

    @Test func aClosedStoreFailsInsteadOfTrapping() throws {
        try Self.withFile { path in
            let store = try ScriptStore(path: path)
            store.close()
            #expect(throws: AutomationError.self) { try store.set("1", for: "k", script: "a") }
            #expect(throws: AutomationError.self) { try store.value("k", script: "a") }
            store.record(Self.run(1))
        }
    }
}
