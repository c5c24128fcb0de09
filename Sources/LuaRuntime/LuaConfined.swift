// SPDX-License-Identifier: Apache-2.0

/// A value that lives on a Lua thread, such as a `LuaState`: others hold it, but touch it there only.
package final class LuaConfined<Value>: Sendable {
    package let thread: LuaThread
    private let box: Box

    // Read, written and emptied on the thread only.
    private final class Box: @unchecked Sendable {
        var value: Value?
    }

    /// Makes the value on the thread.
    package init(on thread: LuaThread, _ make: @escaping @Sendable () throws -> Value) async throws {
        let box = Box()
        self.thread = thread
        self.box = box
        try await thread.perform { box.value = try make() }
    }

    deinit {
        // A job that still runs holds the value itself.
        let box = box
        thread.submitAlways { box.value = nil }
    }

    /// Works with the value on its thread.
    package func perform<Result: Sendable>(_ body: @escaping @Sendable (Value) throws -> Result) async throws -> Result
    {
        let box = box
        return try await thread.perform {
            guard let value = box.value else { throw LuaError.closed }
            return try body(value)
        }
    }
}

extension LuaConfined where Value == LuaState {
    /// Runs a coroutine to its end. Each operation that a host function yields is carried out by `operation`, off the
    /// thread; what that returns becomes the results of the host function, what it throws an error there.
    ///
    /// Cancelling the task stops the script for good, also in the middle of a loop.
    package func drive(
        _ start: @escaping @Sendable (LuaState) throws -> LuaFunctionRef, arguments: [LuaValue] = [],
        operation: @escaping @Sendable (any Sendable) async throws -> [LuaValue]
    ) async throws -> [LuaValue] {
        let flag = LuaStopFlag()
        return try await withTaskCancellationHandler {
            let coroutine = try await LuaConfined<LuaCoroutine>(on: self) { state in
                try state.makeCoroutine(try start(state), stopFlag: flag)
            }
            var outcome = try await coroutine.perform { try $0.resume(with: arguments) }
            while true {
                switch outcome {
                case .finished(let values): return values
                case .suspended(let request):
                    let answer: Result<[LuaValue], any Error>
                    do {
                        answer = .success(try await operation(request))
                    } catch {
                        answer = .failure(error)
                    }
                    outcome = try await coroutine.perform { coroutine in
                        switch answer {
                        case .success(let values): try coroutine.resume(with: values)
                        case .failure(let error): try coroutine.resume(throwing: error)
                        }
                    }
                }
            }
        } onCancel: {
            flag.stop()
        }
    }
}

extension LuaConfined {
    /// A value made from another one of the same thread.
    convenience init<Other>(on other: LuaConfined<Other>, _ make: @escaping @Sendable (Other) throws -> Value)
        async throws
    {
        let source = other.source
        try await self.init(on: other.thread) { try make(try source()) }
    }

    /// Reads the value; to be called on the thread.
    private var source: @Sendable () throws -> Value {
        let box = box
        return {
            guard let value = box.value else { throw LuaError.closed }
            return value
        }
    }
}
