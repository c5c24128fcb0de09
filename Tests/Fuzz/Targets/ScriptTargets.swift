// SPDX-License-Identifier: Apache-2.0

@testable import Automation
@testable import LuaRuntime

extension FuzzTarget {
    /// What scripts are and what they read.
    static let scripts: [FuzzTarget] = [
        FuzzTarget(
            "lua-chunk",
            texts: [
                "local t = {} for i = 1, 10 do t[#t + 1] = i * 2 end return table.concat(t, ',')",
                "local ok, e = pcall(error, {1}) return coroutine.wrap(function(...) coroutine.yield(...) end)(ok, e)",
                "return setmetatable({}, { __gc = function() error('x') end, __index = string })",
            ]
        ) { text in
            guard let state = try? LuaState(limits: LuaLimits(memory: 4 << 20, instructions: 20_000, burst: nil)) else {
                return
            }
            if let chunk = try? state.load(text, name: "fuzz") { _ = try? state.call(chunk) }
            require(state.stackDepth == 0, "nothing is left on the stack")
            state.close()
        },
        // The first line is the pattern, the rest the subject; matching is our own.
        FuzzTarget(
            "lua-pattern", texts: ["^(%a+)%s-(%d*)$\nabc 12", "%b()\n(a(b)c)", "%f[%w]%w+()\nthe end", "[^%]a-]\n]"]
        ) {
            text in
            let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let state = try? LuaState(limits: LuaLimits(memory: 4 << 20, instructions: 20_000, burst: nil)) else {
                return
            }
            let source = "local p, s = ... return s:find(p), s:match(p), s:gsub(p, '%0'), (s:gmatch(p))()"
            if let chunk = try? state.load(source, name: "fuzz") {
                _ = try? state.call(chunk, [.string(lines[0]), .string(lines.count > 1 ? lines[1] : "")])
            }
            require(state.stackDepth == 0, "nothing is left on the stack")
            state.close()
        },
        FuzzTarget("lua-json", texts: [#"{"a": [1, 2.5, "\u00e9\ud83d\ude00", null, true]}"#, "[[[[]]]]", "-0.1e-5"]) {
            text in
            guard let value = try? LuaJSON.decode(text), let again = try? LuaJSON.encode(value) else { return }
            require((try? LuaJSON.decode(again)) != nil, "what is written is read back")
        },
        // What is typed at a prompt.
        FuzzTarget(
            "lua-completion",
            texts: [
                #"users.get("vless-in", "al"#, "stats.QueryStats{ pattern = 'x', re", "f({ -- y\n a[", "s:find('\\''",
            ]
        ) { text in
            let context = CompletionContext(text)
            require(
                text.utf8.suffix(context.prefix.utf8.count).elementsEqual(context.prefix.utf8), "the end is completed")
        },
        // The first line declares settings, the rest is what the configuration says; both as JSON.
        FuzzTarget(
            "script-settings",
            texts: [
                #"{"a":{"type":"size","default":"1GB","min":1,"also":"none"},"b":"duration"}"# + "\n"
                    + #"{"a":"2 kB","b":"1h30m"}"#,
                #"{"a":{"type":"map","of":{"type":"list","of":"cron"}}}"# + "\n"
                    + #"{"a":{"x":["0 3 * * *","@every 5m"]}}"#,
                #"{"r":{"type":"record","fields":{"d":"date","z":{"type":"zone","required":true}}}}"# + "\n"
                    + #"{"r":{"d":"2026-02-28 12:00","z":"Asia/Tokyo"}}"#,
                #"{"c":{"type":"choice","of":["a","b"]},"n":{"type":"number","min":-1e300,"max":9223372036854775807}}"#
                    + "\n"
                    + #"{"c":"a","n":0.5,"x":1}"#,
            ]
        ) { text in
            let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard lines.count == 2, let declared = (try? LuaJSON.decode(lines[0]))?.table,
                let declaration = try? SettingsDeclaration(declared), let given = (try? LuaJSON.decode(lines[1]))?.table
            else { return }
            var faults: [SettingFault] = []
            let values = declaration.values(from: given, &faults)
            for fault in faults { require(!fault.description.isEmpty, "a fault has a text") }
            guard faults.isEmpty else { return }
            let names = Set(declaration.settings.map(\.name))
            require(names.isSuperset(of: values.names), "only declared settings have values")
            require(names.isSuperset(of: given.names), "no unknown setting passes")
            for setting in declaration.settings where setting.isRequired {
                require(!values[setting.name].isNil, "what is required is there")
            }
        },
        FuzzTarget("civil-time", texts: ["2026-03-31", "2026-02-28T23:59:59", "0001-01-01 00:00", "9999-12-31 12:34"]) {
            text in
            guard let time = CivilTime(parsing: text) else { return }
            require(CivilTime(seconds: time.seconds) == time, "a time is the same after a way through seconds")
        },
        FuzzTarget("script-file-name", texts: ["2026/may.csv", "a/b/c/d", "../x", "a/./b", "ü.txt"]) { text in
            guard let parts = try? ScriptFolder.parts(of: text) else { return }
            require(parts.joined(separator: "/") == text, "a name is its parts")
            require(!parts.contains { $0.isEmpty || $0.hasPrefix(".") || $0.contains("/") }, "no part leads elsewhere")
        },
    ]
}
