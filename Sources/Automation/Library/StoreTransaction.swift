// SPDX-License-Identifier: Apache-2.0

/// The changes of a transaction before it is committed, seen by the script that makes them.
struct StoreTransaction {
    private(set) var changes: [StoreChange] = []
    private var values: [String: StoredValue?] = [:]

    /// More than this many changes are refused.
    static let mostChanges = 100_000

    mutating func set(_ value: StoredValue) throws(AutomationError) {
        try note(.set(key: value.key, json: value.json, expires: value.expires))
        values[value.key] = .some(value)
    }

    mutating func delete(_ key: String) throws(AutomationError) {
        try note(.delete(key: key))
        values[key] = .some(nil)
    }

    /// Nil when the transaction has not touched the key; a nil inside when it has deleted it.
    func value(_ key: String) -> StoredValue?? { values[key] }

    /// What is in the file, as the transaction would leave it.
    func applied(to list: [StoredValue], prefix: String) -> [StoredValue] {
        var merged = Dictionary(list.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for (key, value) in values where key.utf8.starts(with: prefix.utf8) { merged[key] = value }
        return merged.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    private mutating func note(_ change: StoreChange) throws(AutomationError) {
        guard changes.count < Self.mostChanges else {
            throw AutomationError(.limit, "store.transaction: more than \(Self.mostChanges) changes")
        }
        changes.append(change)
    }
}
