// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime
import ProxyModel
import Synchronization

/// A test file that is loaded into a stage. It is a script with a thread of its own, so that the stage's scripts come to rest while it
/// waits for them.
final class TestBench: Sendable {
    /// The tests that a file has registered, in their order.
    final class Tests: Sendable {
        private let list = Mutex<[(name: String, function: LuaFunctionRef)]>([])

        var names: [String] { list.withLock { $0.map(\.name) } }

        func add(_ name: String, _ function: LuaFunctionRef) throws {
            try list.withLock { list in
                guard !list.contains(where: { $0.name == name }) else {
                    throw LuaError("test: there is a test \"\(name)\" already")
                }
                list.append((name, function))
            }
        }

        func function(_ index: Int) -> LuaFunctionRef? {
            list.withLock { $0.indices.contains(index) ? $0[index].function : nil }
        }
    }

    let stage: ScriptStage
    let tests = Tests()
    private let printed = SharedLines()
    private let pool: ScriptPool
    private let instance: ScriptInstance

    init(file: String, stage: ScriptStage) throws {
        self.stage = stage
        pool = ScriptPool(threads: 1, clock: stage.clock)
        let library = TestLibrary(
            stage: stage, folder: URL(fileURLWithPath: file).deletingLastPathComponent(),
            onTest: { [tests] in try tests.add($0, $1) })
        var context = ScriptContext(
            control: stage.control.plane, store: try ScriptStore(path: nil),
            scheduler: Scheduler(clock: stage.clock, isDriven: true), pool: pool, zone: .gmt, session: "test",
            log: { [printed] level, text in printed.add(level, text) })
        context.files = stage.files
        context.installMore = { try library.install(in: $0, for: $1) }
        let script = AutomationSettings.Script(name: "test", path: file)
        instance = ScriptInstance(
            script: script, context: context, lane: ScriptPool.Lane(name: "test", limit: script.limits.burst))
    }

    /// What the scripts and the test have logged.
    var log: [String] {
        stage.lines.map { "script/\($0.script): [\($0.level.label)] \($0.text)" } + printed.all
    }

    func load(_ source: [UInt8]) async throws {
        let error: AutomationError? = await withCheckedContinuation { continuation in
            let once = Once<AutomationError?>(continuation)
            pool.submit(
                instance.lane,
                ScriptPool.Job(
                    run: { [instance] in instance.load(source) { once.resume($0) } }, dropped: { once.resume(nil) }))
        }
        if let error { throw error }
    }

    /// Why the test failed; nil when it did not.
    func run(_ index: Int) async -> String? {
        guard let function = tests.function(index) else {
            return "the file registers other tests each time that it is loaded"
        }
        let record: RunRecord? = await withCheckedContinuation { continuation in
            let once = Once<RunRecord?>(continuation)
            let run: @Sendable () -> Void = { [instance] in
                instance.begin(function, role: .main, scheduled: instance.context.clock.wall, arguments: []) {
                    once.resume($0)
                }
            }
            pool.submit(instance.lane, ScriptPool.Job(run: run, dropped: { once.resume(nil) }))
        }
        guard let record else { return "the test could not be started" }
        return record.outcome == .ok ? nil : record.error
    }

    func close() async {
        await withCheckedContinuation { continuation in
            let once = Once<Void>(continuation)
            pool.submit(
                instance.lane,
                ScriptPool.Job(
                    run: { [instance] in
                        instance.close()
                        once.resume(())
                    }, dropped: { once.resume(()) }))
        }
        pool.stop()
        instance.context.store.close()
    }
}

/// Lines that the test itself has logged.
private final class SharedLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ level: LogLevel, _ text: String) {
        // What the failure is told by anyway.
        guard level > .error else { return }
        lines.withLock { $0.append(text) }
    }
}
