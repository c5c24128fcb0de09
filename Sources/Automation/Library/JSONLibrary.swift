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
