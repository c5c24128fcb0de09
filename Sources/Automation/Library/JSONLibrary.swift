// SPDX-License-Identifier: Apache-2.0
import LuaRuntime

extension Library {
    /// `json.encode(value)` and `json.decode(text)`.
    static func installJSON(in state: LuaState) throws {
        try state.register("json.encode") { call in
            call.push(try LuaJSON.encode(try call.value(1)))
            return 1
        }
        try state.register("json.decode") { call in
            call.push(try LuaJSON.decode(try call.string(1)))
            return 1
        }
    }
}

extension Library {
    static let jsonReference: [LibraryEntry] = [
        LibraryEntry(
            "json.encode", "json.encode(value) -> string",
            "A value as JSON. A table with elements 1, 2, … is an array, one with names an object, the empty one an object."
        ),
        LibraryEntry(
            "json.decode", "json.decode(text) -> value",
            "The value of a JSON text. Integers stay integers up to 64 bits; `null` is nil, so that its field is absent."
        ),
    ]
}
