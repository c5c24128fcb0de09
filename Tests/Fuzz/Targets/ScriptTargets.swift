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
            var parser = LuaJSONParser(bytes: Array(text.utf8))
            _ = try? parser.document()
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
    ]
}
