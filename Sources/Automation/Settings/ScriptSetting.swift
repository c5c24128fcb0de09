// SPDX-License-Identifier: Apache-2.0
import LuaRuntime

/// A setting that a loaded script has declared, for lists and reports.
package struct ScriptSetting: Sendable, Equatable {
    package var name: String
    /// `size`, `map of size`, `choice of hour, day`.
    package var type: String
    package var isRequired: Bool
    /// What it is for, in the script author's words; may be empty.
    package var doc: String
    /// JSON; nil for none.
    package var fallback: String?
    /// What the configuration says, as JSON; nil when it says nothing.
    package var value: String?

    init(_ setting: Setting, given: LuaValue) {
        name = setting.name
        type = setting.type.text
        isRequired = setting.isRequired
        doc = setting.doc
        fallback = setting.fallback.isNil ? nil : try? LuaJSON.encode(setting.fallback)
        value = given.isNil ? nil : try? LuaJSON.encode(given)
    }
}
