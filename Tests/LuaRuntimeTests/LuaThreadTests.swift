// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import LuaRuntime

struct LuaThreadTests {
    private actor Script {
        nonisolated let thread: LuaThread
        nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
        private var state: LuaState?

        init(thread: LuaThread) { self.thread = thread }

        func evaluate(_ source: String) throws -> [LuaValue] {
            thread.checkIsolated()
            let state = try self.state ?? LuaState()
            self.state = state
            return try state.evaluate(source)
        }
    }

    @Test func jobsRunInOrderOnTheThread() async throws {
        let thread = LuaThread(name: "order")
        nonisolated(unsafe) var order: [Int] = []
        for index in 0..<100 { thread.submit { order.append(index) } }
        let isCurrent = try await thread.perform { thread.isCurrent }
        #expect(isCurrent)
        #expect(!thread.isCurrent)
        #expect(try await thread.perform { order.count } == 100)
        #expect(thread.currentBurstStarted == nil)
        await thread.stop()
        #expect(order == Array(0..<100))
    }

    @Test func anActorLivesOnTheThread() async throws {
        let thread = LuaThread(name: "actor")
        let script = Script(thread: thread)
        #expect(try await script.evaluate("n = (n or 0) + 1 return n") == [1])
        #expect(try await script.evaluate("n = (n or 0) + 1 return n") == [2])
        await thread.stop()
        #expect(try await script.evaluate("return n") == [2], "an actor's job is not lost after the stop")
    }

    @Test func aStoppedThreadFinishesItsJobsAndRefusesMore() async throws {
        let thread = LuaThread(name: "stopping")
        async let value = thread.perform { 7 }
        #expect(try await value == 7)
        await thread.stop()
        await thread.stop()
        let error = await #expect(throws: LuaError.self) { try await thread.perform { 8 } }
        #expect(error?.kind == .closed)
    }

    @Test func aWedgedJobIsSeenAndAbandoned() async throws {
        let thread = LuaThread(name: "wedged")
        let gate = DispatchSemaphore(value: 0)
        let entered = AsyncStream.makeStream(of: Void.self)
        let wedged = Task {
            try await thread.perform {
                entered.continuation.finish()
                gate.wait()
            }
        }
        for await _ in entered.stream {}
        #expect(thread.currentBurstStarted != nil)
        let queued = Task { try await thread.perform { 1 } }
        thread.abandon()
        #expect(thread.isAbandoned)
        await #expect(throws: LuaError.self) { try await wedged.value }
        await #expect(throws: LuaError.self) { _ = try await queued.value }
        await #expect(throws: LuaError.self) { try await thread.perform { 2 } }
        await thread.stop()
        gate.signal()
    }

    @Test func aConfinedValueIsFreedOnItsThread() async throws {
        final class Probe: Sendable {
            let thread: LuaThread
            let freed: AsyncStream<Bool>.Continuation
            init(thread: LuaThread, freed: AsyncStream<Bool>.Continuation) {
                self.thread = thread
                self.freed = freed
            }
            deinit {
                freed.yield(thread.isCurrent)
                freed.finish()
            }
        }
        let thread = LuaThread(name: "confined")
        let freed = AsyncStream.makeStream(of: Bool.self)
        var confined: LuaConfined<Probe>? = try await LuaConfined(on: thread) {
            Probe(thread: thread, freed: freed.continuation)
        }
        #expect(try await confined?.perform { $0.thread.isCurrent } == true)
        confined = nil
        var answers: [Bool] = []
        for await answer in freed.stream { answers.append(answer) }
        #expect(answers == [true])
        await thread.stop()
    }
}
