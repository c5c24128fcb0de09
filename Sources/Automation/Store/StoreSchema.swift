// SPDX-License-Identifier: Apache-2.0
import GRDB

/// The tables of the store, and the statements that no single script owns.
enum StoreSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE value (
                        script TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, expires INTEGER,
                        PRIMARY KEY (script, key)
                    ) WITHOUT ROWID;
                    CREATE TABLE run (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, script TEXT NOT NULL, schedule TEXT NOT NULL,
                        scheduled INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,
                        outcome TEXT NOT NULL, error TEXT NOT NULL
                    );
                    CREATE INDEX run_script ON run (script, id);
                    CREATE TABLE script (name TEXT PRIMARY KEY, enabled INTEGER NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2") { db in
            try db.execute(
                sql: """
                    CREATE TABLE seen (
                        script TEXT NOT NULL, schedule TEXT NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (script, schedule)
                    ) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("3") { db in
            try db.execute(
                sql: """
                    CREATE INDEX run_schedule ON run (script, schedule, id);
                    ALTER TABLE run ADD COLUMN traceback TEXT NOT NULL DEFAULT '';
                    ALTER TABLE run ADD COLUMN cpu INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE run ADD COLUMN memory INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE run ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE run ADD COLUMN lines TEXT NOT NULL DEFAULT '';
                    """)
        }
        return migrator
    }

    static func usage(of script: String, _ db: Database) throws -> Int64 {
        try Int64.fetchOne(
            db,
            sql: """
                SELECT sum(length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))) FROM value WHERE script = ?
                """, arguments: [script]) ?? 0
    }

    /// The bytes that were freed.
    static func purgeExpired(_ script: String, _ now: Int64, _ db: Database) throws -> Int64 {
        try Int64.fetchAll(
            db,
            sql: """
                DELETE FROM value WHERE script = ? AND expires <= ?
                RETURNING length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))
                """, arguments: [script, now]
        ).reduce(0, +)
    }

    static func insert(_ runs: [RunRecord], _ db: Database) throws {
        let insert = try db.cachedStatement(
            sql: """
                INSERT INTO run (
                    script, schedule, scheduled, started, ended, outcome, error, traceback, cpu, memory, calls, lines)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        for run in runs {
            try insert.execute(arguments: [
                run.script, run.schedule, run.scheduled.milliseconds, run.started.milliseconds,
                run.ended.milliseconds, run.outcome.rawValue, run.error, run.traceback,
                Int64(run.cpu.seconds * 1e9), run.memory, run.calls, run.lines.joined(separator: "\n"),
            ])
        }
    }

    /// Keeps the newest records of a schedule, and of a script as a whole a multiple of that.
    static func trimHistory(script: String, schedule: String, keeping history: Int, _ db: Database) throws {
        let bySchedule = try db.cachedStatement(
            sql: """
                DELETE FROM run WHERE script = ?1 AND schedule = ?2 AND id <=
                    (SELECT id FROM run WHERE script = ?1 AND schedule = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)
                """)
        try bySchedule.execute(arguments: [script, schedule, history])
        let byScript = try db.cachedStatement(
            sql: """
                DELETE FROM run WHERE script = ?1 AND id <=
                    (SELECT id FROM run WHERE script = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
                """)
        try byScript.execute(arguments: [script, history * 20])
    }
}
