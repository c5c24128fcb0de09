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

    static func insert(_ runs: [RunRecord], keeping history: Int, _ db: Database) throws {
        let insert = try db.cachedStatement(
            sql: """
                INSERT INTO run (script, schedule, scheduled, started, ended, outcome, error)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """)
        for run in runs {
            try insert.execute(arguments: [
                run.script, run.schedule, run.scheduled.milliseconds, run.started.milliseconds,
                run.ended.milliseconds, run.outcome.rawValue, run.error,
            ])
        }
        let trim = try db.cachedStatement(
            sql: """
                DELETE FROM run WHERE script = ?1 AND id <=
                    (SELECT id FROM run WHERE script = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
                """)
        for script in Set(runs.map(\.script)) { try trim.execute(arguments: [script, history]) }
    }
}
