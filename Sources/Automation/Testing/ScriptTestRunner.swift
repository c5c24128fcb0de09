// SPDX-License-Identifier: Apache-2.0
package import Foundation
import LuaRuntime
import ProxyModel
import Synchronization

/// What became of one test.
package struct ScriptTestResult: Sendable {
    /// As it was given to the runner.
    package var file: String
    /// Empty when the file itself failed.
    package var name: String
    /// Why it failed; nil when it did not. It begins with `FILE:LINE: ` where the place is known.
    package var failure: String?
    /// Real seconds.
    package var duration: Double
    /// Virtual seconds that passed.
    package var elapsed: Double
    /// What the scripts and the test itself have logged, line by line.
    package var log: [String]

    package var hasPassed: Bool { failure == nil }
}

/// Runs `*_test.lua` files: each test in a core, a store and a clock of its own, in virtual time.
package struct ScriptTestRunner: Sendable {
    /// When tests begin, unless they set their clock: a Thursday, midnight in UTC.
    package static let beginning = Date(timeIntervalSince1970: 1_767_225_600)

    private let makeCore: StageCoreFactory

    package init(makeCore: @escaping StageCoreFactory) { self.makeCore = makeCore }

    /// The tests of a file whose names contain `filter`, in their order, each as soon as it has ended. A file that cannot be loaded is
    /// one failure.
    ///
    /// - Parameter onStart: Told a test's name before it runs.
    package func run(
        _ file: String, filter: String? = nil, onStart: @Sendable (String) -> Void = { _ in },
        onResult: @Sendable (ScriptTestResult) -> Void
    ) async {
        let names: [String]
        do {
            let source = try ScriptSource.read(file)
            names = try await inStage(file, source) { $0.tests.names }
            for (index, name) in names.enumerated() where filter.map(name.contains) ?? true {
                onStart(name)
                onResult(await run(index, name, file, source))
            }
        } catch {
            onResult(
                ScriptTestResult(file: file, name: "", failure: "\(error)", duration: 0, elapsed: 0, log: []))
        }
    }

    private func run(_ index: Int, _ name: String, _ file: String, _ source: [UInt8]) async -> ScriptTestResult {
        let begun = ContinuousClock.now
        var result = ScriptTestResult(file: file, name: name, failure: nil, duration: 0, elapsed: 0, log: [])
        do {
            let (failure, elapsed, log) = try await inStage(file, source) { bench in
                let failure = await bench.run(index)
                return (failure, bench.stage.clock.uptime.seconds, bench.log)
            }
            (result.failure, result.elapsed, result.log) = (failure, elapsed, log)
        } catch {
            result.failure = "\(error)"
        }
        result.duration = (ContinuousClock.now - begun).seconds
        return result
    }

    private func inStage<Value: Sendable>(
        _ file: String, _ source: [UInt8], _ body: (TestBench) async throws -> Value
    ) async throws -> Value {
        let stage = try await ScriptStage(at: Self.beginning, makeCore: makeCore)
        let bench = try TestBench(file: file, stage: stage)
        let value: Result<Value, any Error>
        do {
            try await bench.load(source)
            value = .success(try await body(bench))
        } catch {
            value = .failure(error)
        }
        await bench.close()
        await stage.end()
        return try value.get()
    }
}
