// SPDX-License-Identifier: Apache-2.0
import Dispatch
package import Foundation
import GRDB
import Glibc
import Synchronization

/// What scripts keep beyond the life of the process: values by key, the history of runs, and which scripts are off.
///
/// SQLite in WAL mode. A change is committed when the call returns, so that it survives the sudden end of the process.
/// `synchronous` is NORMAL: the log is synced at checkpoints and not at each commit, since scripts commit in a loop and a
/// sync costs milliseconds. A power cut may therefore lose the last commits, never the file's consistency.
/// Calls block for the time of the disk access: they belong on script threads, never on an event loop.
package final class ScriptStore: Sendable {
    let limits: StoreLimits
    private let path: String
    private let now: @Sendable () -> Date
    /// Nil once closed. Calls hold on to what they use: the file closes when the last of them is done.
    private let queue: Mutex<DatabaseQueue?>
    private let journal = Mutex(RunJournal())
    /// Bytes in use by script, known once the script has written.
    private let usage = Mutex<[String: Int64]>([:])

    /// Opens or creates the file at `path`, readable by the owner alone; without a path the store lives in memory.
    package init(
        path: String?, limits: StoreLimits = StoreLimits(), now: @escaping @Sendable () -> Date = { Date() }
    ) throws(AutomationError) {
        self.limits = limits
        self.path = path ?? "memory"
        self.now = now
        do {
            var configuration = Configuration()
            configuration.label = "tidegate.store"
            configuration.journalMode = .wal
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
            let opened: DatabaseQueue
            if let path {
                try Self.prepareFile(path)
                opened = try DatabaseQueue(path: path, configuration: configuration)
            } else {
                opened = try DatabaseQueue(configuration: configuration)
            }
            try StoreSchema.migrator.migrate(opened)
            queue = Mutex(opened)
        } catch {
            throw AutomationError(.store, "store \(path ?? "memory") cannot be opened", cause: error)
        }
    }

    /// Finishes what is pending and closes the file; later calls fail.
    package func close() {
        flush()
        queue.withLock { $0 = nil }
    }

    // MARK: - Values

    package func value(_ key: String, script: String) throws -> StoredValue? {
        try read { db, now in try Self.fetch(key, script, db, now) }
    }

    /// Values whose keys begin with `prefix`, by key, at most `limit`.
    package func list(prefix: String, script: String, limit: Int = 10_000) throws -> [StoredValue] {
        try read { db, now in
            let rows = try Row.fetchCursor(
                db.cachedStatement(
                    sql: """
                        SELECT key, value, expires FROM value
                        WHERE script = ? AND key >= ? AND (expires IS NULL OR expires > ?) ORDER BY key
                        """), arguments: [script, prefix, now])
            var found: [StoredValue] = []
            while found.count < limit, let row = try rows.next() {
                let key: String = row[0]
                // Keys are compared byte by byte, so those with the prefix follow one another.
                guard key.utf8.starts(with: prefix.utf8) else { break }
                found.append(StoredValue(key: key, json: row[1], expires: row[2]))
            }
            return found
        }
    }

    package func set(_ json: String, for key: String, script: String, expires: Int64? = nil) throws {
        try apply([.set(key: key, json: json, expires: expires)], script: script)
    }

    /// Whether there was a value.
    @discardableResult
    package func delete(_ key: String, script: String) throws -> Bool {
        try write(script) { db, now in
            let found = try Self.fetch(key, script, db, now) != nil
            return (found, try Self.remove(key, script, db))
        }
    }

    /// Makes all changes or none.
    package func apply(_ changes: [StoreChange], script: String) throws {
        try write(script) { [limits] db, _ in
            var delta: Int64 = 0
            for change in changes {
                switch change {
                case .set(let key, let json, let expires):
                    delta += try Self.put(StoredValue(key: key, json: json, expires: expires), script, limits, db)
                case .delete(let key):
                    delta += try Self.remove(key, script, db)
                }
            }
            return ((), delta)
        }
    }

    /// Adds to a number, which is 0 when it is absent, and tells the new one; an expiry stays as it was.
    package func increment(_ key: String, by amount: StoreNumber, script: String) throws -> StoreNumber {
        try write(script) { [limits] db, now in
            let old = try Self.fetch(key, script, db, now)
            guard let number = old.map({ StoreNumber(json: $0.json) }) ?? .integer(0) else {
                throw AutomationError(.store, "store: value of \"\(key)\" is not a number")
            }
            guard let sum = number.adding(amount) else {
                throw AutomationError(.limit, "store: value of \"\(key)\" would overflow")
            }
            let value = StoredValue(key: key, json: sum.json, expires: old?.expires)
            return (sum, try Self.put(value, script, limits, db))
        }
    }

    // MARK: - Enablement

    /// Scripts that were switched off.
    /// Which scripts somebody has switched on (true) or off; the others are as the configuration has them.
    package func scriptSwitches() throws -> [String: Bool] {
        try read { db, _ in
            let rows = try Row.fetchAll(db, sql: "SELECT name, enabled FROM script")
            return Dictionary(rows.map { ($0["name"], $0["enabled"]) }, uniquingKeysWith: { first, _ in first })
        }
    }

    package func setEnabled(_ enabled: Bool, script: String) throws {
        try write(script) { db, _ in
            try db.execute(
                sql: "INSERT INTO script (name, enabled) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET enabled = ?",
                arguments: [script, enabled, enabled])
            return ((), 0)
        }
    }

    // MARK: - Times

    /// The last time of a schedule that was noticed; nil for one that makes up for none, or is new.
    func lastTime(script: String, schedule: String) throws -> Date? {
        try read { db, _ in
            try Int64.fetchOne(
                db, sql: "SELECT time FROM seen WHERE script = ? AND schedule = ?", arguments: [script, schedule]
            ).map { Date(milliseconds: $0) }
        }
    }

    /// Remembers that the schedule's time has come; times never go back. Does not wait for the disk.
    func noteTime(_ time: Date, script: String, schedule: String) {
        guard let queue = try? open() else { return }
        let milliseconds = time.milliseconds
        queue.asyncWriteWithoutTransaction { db in
            try? db.execute(
                sql: """
                    INSERT INTO seen (script, schedule, time) VALUES (?1, ?2, ?3)
                    ON CONFLICT (script, schedule) DO UPDATE SET time = max(time, ?3)
                    """, arguments: [script, schedule, milliseconds])
        }
    }

    // MARK: - Runs

    /// Hands a record over. Records of 50 ms share a commit, which costs as much as ten of them, and runs do not wait for it; a
    /// sudden end of the process loses at most those.
    package func record(_ run: RunRecord) {
        guard journal.withLock({ $0.append(run) }) else { return }
        guard let queue = try? open() else { return journal.withLock { $0.lost += $0.takeAll().count } }
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(50)) { [weak self] in
            guard let self else { return }
            queue.asyncWriteWithoutTransaction { self.writePending($0) }
        }
    }

    /// The newest records first; of all scripts without a name. Each schedule keeps some of its own, at least those of the limits.
    package func history(script: String?, limit: Int = 50) throws -> [RunRecord] {
        flush()
        return try read { db, _ in
            let filter = script == nil ? "" : "WHERE script = ?"
            let arguments: StatementArguments = script.map { [$0, limit] } ?? [limit]
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT script, schedule, scheduled, started, ended, outcome, error, traceback, cpu, memory, calls, lines
                    FROM run \(filter)
                    ORDER BY id DESC LIMIT ?
                    """, arguments: arguments)
            return rows.map { row in
                var record = RunRecord(
                    script: row[0], schedule: row[1], scheduled: Date(milliseconds: row[2]),
                    started: Date(milliseconds: row[3]), ended: Date(milliseconds: row[4]),
                    outcome: RunRecord.Outcome(rawValue: row[5]) ?? .failed, error: row[6])
                record.traceback = row[7]
                record.cpu = .nanoseconds(row[8] as Int64)
                record.memory = row[9]
                record.calls = row[10]
                let lines: String = row[11]
                record.lines = lines.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                if lines.isEmpty { record.lines = [] }
                return record
            }
        }
    }

    /// How many records were lost because they could not be written, or because too many were waiting.
    package var lostRecords: Int { journal.withLock { $0.lost } }

    private func flush() {
        try? open().writeWithoutTransaction { db in writePending(db) }
    }

    private func writePending(_ db: Database) {
        let runs = journal.withLock { $0.takeAll() }
        guard !runs.isEmpty else { return }
        do {
            try db.inTransaction {
                try StoreSchema.insert(runs, db)
                for (script, schedule) in journal.withLock({ $0.takeOverlong(runs, history: limits.history) }) {
                    try StoreSchema.trimHistory(
                        script: script, schedule: schedule, keeping: limits.history, db)
                }
                return .commit
            }
        } catch {
            journal.withLock { $0.lost += runs.count }
        }
    }
}

// MARK: - Access to the file

extension ScriptStore {
    private var milliseconds: Int64 { now().milliseconds }

    private func open() throws -> DatabaseQueue {
        guard let queue = queue.withLock({ $0 }) else {
            throw AutomationError(.closed, "store \(path) is closed")
        }
        return queue
    }

    private func read<Value>(_ body: @escaping (Database, Int64) throws -> Value) throws -> Value {
        let now = milliseconds
        do {
            return try open().read { db in try body(db, now) }
        } catch let error as AutomationError {
            throw error
        } catch {
            throw AutomationError(.store, "store \(path) cannot be read", cause: error)
        }
    }

    /// One transaction; `body` also tells by how many bytes the script's values grew.
    private func write<Value>(
        _ script: String, _ body: @escaping (Database, Int64) throws -> (Value, Int64)
    ) throws -> Value {
        let now = milliseconds
        do {
            return try open().write { db in
                let used = try usage.withLock { $0[script] } ?? StoreSchema.usage(of: script, db)
                let (value, delta) = try body(db, now)
                var total = used + delta
                if delta > 0, total > limits.total {
                    total -= try StoreSchema.purgeExpired(script, now, db)
                    guard total <= limits.total else {
                        throw AutomationError(.limit, "store: \(script) would keep more than \(limits.total) bytes")
                    }
                }
                usage.withLock { $0[script] = total }
                return value
            }
        } catch let error as AutomationError {
            throw error
        } catch {
            throw AutomationError(.store, "store \(path) cannot be written", cause: error)
        }
    }

    private static func fetch(_ key: String, _ script: String, _ db: Database, _ now: Int64) throws -> StoredValue? {
        let statement = try db.cachedStatement(
            sql: "SELECT value, expires FROM value WHERE script = ? AND key = ? AND (expires IS NULL OR expires > ?)")
        return try Row.fetchOne(statement, arguments: [script, key, now]).map {
            StoredValue(key: key, json: $0[0], expires: $0[1])
        }
    }

    private static func put(
        _ value: StoredValue, _ script: String, _ limits: StoreLimits, _ db: Database
    ) throws -> Int64 {
        guard (1...limits.key).contains(value.key.utf8.count) else {
            throw AutomationError(.limit, "store: a key must have 1 to \(limits.key) bytes")
        }
        guard value.json.utf8.count <= limits.value else {
            throw AutomationError(.limit, "store: value of \"\(value.key)\" is larger than \(limits.value) bytes")
        }
        let freed = try remove(value.key, script, db)
        try db.cachedStatement(sql: "INSERT INTO value (script, key, value, expires) VALUES (?, ?, ?, ?)")
            .execute(arguments: [script, value.key, value.json, value.expires])
        return freed + Int64(value.key.utf8.count + value.json.utf8.count)
    }

    /// The growth, which is never positive.
    private static func remove(_ key: String, _ script: String, _ db: Database) throws -> Int64 {
        let statement = try db.cachedStatement(
            sql: """
                DELETE FROM value WHERE script = ? AND key = ?
                RETURNING length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))
                """)
        return try -(Int64.fetchOne(statement, arguments: [script, key]) ?? 0)
    }

    /// Makes the folder, and those that it lies in.
    private static func makeFolder(_ folder: URL) throws(AutomationError) {
        var made = mkdir(folder.path, 0o700)
        if made != 0, errno == ENOENT, folder.pathComponents.count > 1 {
            try makeFolder(folder.deletingLastPathComponent())
            made = mkdir(folder.path, 0o700)
        }
        guard made != 0, errno != EEXIST else { return }
        let reason = String(cString: strerror(errno)).lowercased()
        throw AutomationError(.store, "folder \(folder.path) cannot be made: \(reason)")
    }

    private static func prepareFile(_ path: String) throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        try makeFolder(URL(fileURLWithPath: path).deletingLastPathComponent())
        // Scripts may keep accounts; SQLite gives the log the permissions of this file.
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            let reason = String(cString: strerror(errno)).lowercased()
            throw AutomationError(.store, "it cannot be made: \(reason)")
        }
        Glibc.close(file)
    }
}
