// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Automation
@testable import LuaRuntime

/// Every allocation of a script that uses the library fails once: an error has to come of it, or nothing, and the state goes on.
struct LibraryAllocationTests {
    private static let script = """
        local watch = stats.watch("user>>>a>>>traffic>>>*", size("10GB"), function() end, { name = "w" })
        local subscription = on("user.*", { email = { "*@x", "b" } }, function() end, { buffer = 5 })
        local schedule = at(time.now() + 100, function() end, { jitter = "5s", missed = "once", deadline = "1h" })
        local task = spawn(function(a, b) return a .. b end, "a", "b")
        assert(watch:name() == "w" and subscription:name() == "on user.*" and task:status() == "running")
        assert(not pcall(on, "nothing", print))
        assert(not pcall(http.get, "https://example.com/"))
        assert(base64.decode(base64.encode(hash.sha256("text", true), true)) == hash.sha256("text", true))
        assert(#hash.hmac_sha256("k", ("x"):rep(500)) == 64 and #uuid() == 36)
        assert(json.decode(json.encode({ a = { 1, 2, { b = "c" } } })).a[3].b == "c")
        for name, value in pairs(stats.GetSysStats{}) do assert(name and value) end
        assert(not pcall(inbounds.add, { protocol = "socks", port = 1 }))
        store.transaction(function() store.set("a", { 1, 2 }) store.incr("n") end)
        watch:cancel()
        subscription:cancel()
        schedule:cancel()
        return store.get("a")[2] + store.get("n")
        """

    private static func run(failing n: Int) throws -> (allocations: Int, error: LuaError?) {
        let bench = try ScriptBench()
        let pool = ScriptPool(threads: 1, clock: bench.clock)
        defer { pool.stop() }
        let context = ScriptContext(
            control: bench.core, store: try ScriptStore(path: nil), scheduler: Scheduler(clock: bench.clock),
            pool: pool, zone: .gmt, session: "", log: { _, _ in })
        // Its lane is not the one that runs the state here, so that spawned runs never begin.
        let lane = ScriptPool.Lane(name: "x", limit: .seconds(1))
        pool.close(lane)
        let instance = ScriptInstance(script: .init(name: "x", path: "/x.lua"), context: context, lane: lane)
        let state = try LuaState()
        try Library.install(in: state, for: instance)
        let depth = state.stackDepth
        state.failAllocation(n)
        var failure: LuaError?
        do {
            #expect(try state.evaluate(script, name: "all.lua") == [3])
        } catch {
            failure = error
        }
        let allocations = state.allocations
        state.failAllocation(0)
        #expect(state.stackDepth == depth)
        let next = try state.evaluate("return 1")
        #expect(next == [1])
        instance.close()
        state.close()
        return (allocations, failure)
    }

    @Test func eachFailureIsAnError() throws {
        let whole = try Self.run(failing: 0)
        #expect(whole.error == nil, "\(whole.error?.message ?? "")")
        #expect(whole.allocations > 30)
        var failures = 0
        for n in 1...max(1, whole.allocations) {
            guard let error = try Self.run(failing: n).error else { continue }
            failures += 1
            #expect([.memory, .runtime, .host].contains(error.kind), "\(n): \(error.kind) \(error)")
        }
        #expect(failures > 20)
    }
}
