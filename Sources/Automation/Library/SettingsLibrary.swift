// SPDX-License-Identifier: Apache-2.0
import LuaRuntime

extension Library {
    /// `settings` is the table from the configuration. Called with a declaration, it gives the checked values, with defaults for
    /// what is not configured:
    ///
    ///     local settings = settings {
    ///         default_plan = { type = "size", default = "50GB", doc = "for who has no plan" },
    ///         plans = { type = "map", of = "size", default = {} },
    ///     }
    ///
    /// The script is not loaded when a setting is unknown, missing although it is required, or not of its type. Sizes reach the script
    /// in bytes, durations in seconds, everything else as it was given.
    static func installSettings(in state: LuaState, for script: ScriptInstance) throws {
        let given = try LuaJSON.decode(script.script.settings)
        try state.define("settings", given)
        let declare = try state.makeFunction(name: "settings") { call in
            guard script.declaredSettings.isEmpty else { throw LuaError("settings: declared before") }
            // The first argument is `settings` itself.
            let declaration = try SettingsDeclaration(try call.table(2))
            var faults: [SettingFault] = []
            let values = declaration.values(from: given.table ?? LuaTable(), &faults)
            script.declare(declaration.settings.map { ScriptSetting($0, given: given.table?[$0.name] ?? .nil) })
            guard faults.isEmpty else {
                let more = faults.count > 5 ? "; and \(faults.count - 5) more" : ""
                let problem = "settings: " + faults.prefix(5).map(\.description).joined(separator: "; ") + more
                script.settingsProblem = problem
                throw LuaError(problem)
            }
            call.push(.table(values))
            return 1
        }
        _ = try state.evaluate(
            "setmetatable(settings, { __call = ... })", name: "settings", arguments: [.function(declare)])
    }
}
