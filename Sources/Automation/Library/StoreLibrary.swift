// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime

extension Library {
    /// `store.get(key)`, `store.set(key, value [, "1h"])`, `store.incr(key [, n])`, `store.delete(key)`,
    /// `store.list(prefix)` as a table of values by key, `store.keys(prefix)`, `store.transaction(fn)`.
    ///
    /// Values are what JSON can hold. They are kept for this script alone, and are on disk when the call returns.
    static func installStore(in state: LuaState, for script: ScriptInstance) throws {
        try state.register("store.get") { call in
            guard let value = try value(try call.string(1), script) else { return nothing(call) }
            call.push(try LuaJSON.decode(value.json))
            return 1
        }
        try state.register("store.set") { call in
            try script.admitsChange("store.set")
            let key = try call.string(1)
            if call.isNil(2) {
                _ = try delete(key, script)
                return 0
            }
            let json = try LuaJSON.encode(try call.value(2))
            let expires = call.isNil(3) ? nil : script.context.clock.wall + (try call.duration(3)).seconds
            if script.transaction != nil {
                try script.transaction?.set(StoredValue(key: key, json: json, expires: expires?.milliseconds))
            } else {
                try script.context.store.set(json, for: key, script: script.name, expires: expires?.milliseconds)
            }
            return 0
        }
        try state.register("store.incr") { call in
            try script.admitsChange("store.incr")
            let key = try call.string(1)
            let amount: StoreNumber
            switch call.isNil(2) ? .integer(1) : try call.value(2) {
            case .integer(let value): amount = .integer(value)
            case .number(let value): amount = .real(value)
            default: throw call.argumentError(2, expected: "number")
            }
            switch try increment(key, amount, script) {
            case .integer(let value): call.push(value)
            case .real(let value): call.push(value)
            }
            return 1
        }
        try state.register("store.delete") { call in
            try script.admitsChange("store.delete")
            call.push(try delete(try call.string(1), script))
            return 1
        }
        try state.register("store.list") { call in
            let values = try list(call, script)
            call.beginTable(fields: values.count)
            for value in values { call.setField(value.key, try LuaJSON.decode(value.json)) }
            return 1
        }
        try state.register("store.keys") { call in
            let values = try list(call, script)
            call.beginTable(array: values.count)
            for (index, value) in values.enumerated() { call.setElement(index + 1, value.key) }
            return 1
        }
        try state.register("store.transaction") { call in
            guard script.transaction == nil else { throw LuaError("store.transaction: already inside one") }
            let function = try call.function(1)
            script.transaction = StoreTransaction()
            defer { script.transaction = nil }
            let results = try call.state.call(function)
            try script.context.store.apply(script.transaction?.changes ?? [], script: script.name)
            for value in results { call.push(value) }
            return .values(results.count)
        }
    }

    private static func nothing(_ call: LuaCall) -> LuaReturn {
        call.pushNil()
        return 1
    }

    private static func value(_ key: String, _ script: ScriptInstance) throws -> StoredValue? {
        if let pending = script.transaction?.value(key) { return pending }
        return try script.context.store.value(key, script: script.name)
    }

    private static func delete(_ key: String, _ script: ScriptInstance) throws -> Bool {
        guard script.transaction != nil else { return try script.context.store.delete(key, script: script.name) }
        let existed = try value(key, script) != nil
        try script.transaction?.delete(key)
        return existed
    }

    private static func increment(
        _ key: String, _ amount: StoreNumber, _ script: ScriptInstance
    ) throws -> StoreNumber {
        guard script.transaction != nil else {
            return try script.context.store.increment(key, by: amount, script: script.name)
        }
        let old = try value(key, script)
        guard let number = old.map({ StoreNumber(json: $0.json) }) ?? .integer(0), let sum = number.adding(amount)
        else {
            throw LuaError("store: value of \"\(key)\" is not a number, or would overflow")
        }
        try script.transaction?.set(StoredValue(key: key, json: sum.json, expires: old?.expires))
        return sum
    }

    private static func list(_ call: LuaCall, _ script: ScriptInstance) throws -> [StoredValue] {
        let prefix = try call.optionalString(1) ?? ""
        let values = try script.context.store.list(prefix: prefix, script: script.name, limit: 1_000_000)
        return script.transaction?.applied(to: values, prefix: prefix) ?? values
    }
}

extension Library {
    static let storeReference: [LibraryEntry] = [
        LibraryEntry(
            "store.get", "store.get(key) -> value | nil",
            "What this script has kept under the key. Each script has keys of its own."),
        LibraryEntry(
            "store.set", "store.set(key, value [, lifetime])",
            """
            Keeps a value (whatever JSON can hold), for good or for a lifetime such as `"1h"`; nil deletes. It is on disk when \
            the call returns, where the configuration names a `store`.
            """,
            example: #"store.set("warned/" .. email, true, "24h")"#),
        LibraryEntry(
            "store.incr", "store.incr(key [, amount]) -> number",
            "Adds to a number, 1 unless an amount is given, and gives the sum. An absent one counts as 0."),
        LibraryEntry("store.delete", "store.delete(key) -> boolean", "Deletes a value; whether there was one."),
        LibraryEntry(
            "store.list", "store.list([prefix]) -> table", "Values by key, of keys that begin with the prefix."),
        LibraryEntry("store.keys", "store.keys([prefix]) -> list", "The keys that begin with the prefix, in order."),
        LibraryEntry(
            "store.transaction", "store.transaction(fn) -> ...",
            "Calls `fn` and makes all its changes to the store, or none when it fails. It cannot wait inside.",
            example: """
                store.transaction(function()
                    store.set("from", store.get("from") - 1)
                    store.set("to", store.get("to") + 1)
                end)
                """),
    ]
}
