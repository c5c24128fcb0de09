// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Synchronization
import Testing

@testable import GRPCWire

struct InboundMessageQueueTests {
    @Test func deliversInOrderAndThenEnds() async throws {
        let queue = InboundMessageQueue {}
        #expect(queue.push(ByteBuffer(string: "a")))
        #expect(queue.push(ByteBuffer(string: "b")))
        queue.finish()
        #expect(try await queue.next() == ByteBuffer(string: "a"))
        #expect(try await queue.next() == ByteBuffer(string: "b"))
        #expect(try await queue.next() == nil)
        #expect(try await queue.next() == nil)
    }

    @Test func anErrorComesAfterWhatIsQueued() async throws {
        let queue = InboundMessageQueue {}
        _ = queue.push(ByteBuffer(string: "a"))
        queue.finish(GRPCStatus(.aborted, "gone"))
        queue.finish()
        #expect(try await queue.next() == ByteBuffer(string: "a"))
        await #expect(throws: GRPCStatus(.aborted, "gone")) { try await queue.next() }
    }

    @Test func abortDropsWhatIsQueued() async {
        let queue = InboundMessageQueue {}
        _ = queue.push(ByteBuffer(string: "a"))
        queue.abort(GRPCStatus(.cancelled, "x"))
        await #expect(throws: GRPCStatus(.cancelled, "x")) { try await queue.next() }
    }

    @Test func asksForMoreOnlyWhenItHasDrained() async throws {
        let drained = Mutex(0)
        let queue = InboundMessageQueue { drained.withLock { $0 += 1 } }
        let message = ByteBuffer(repeating: 0, count: 16 * 1024)
        var pushed = 1
        while queue.push(message) { pushed += 1 }
        #expect(pushed == 4)
        #expect(queue.isHeld)
        _ = try await queue.next()
        #expect(drained.withLock { $0 } == 0)
        for _ in 1..<pushed { _ = try await queue.next() }
        #expect(drained.withLock { $0 } == 1)
        #expect(!queue.isHeld)
    }

    @Test func emptyMessagesHaveAWeight() {
        let queue = InboundMessageQueue {}
        var pushed = 0
        while queue.push(ByteBuffer()) { pushed += 1 }
        #expect(pushed < 2000)
    }

    @Test func aWaitingReaderIsWokenByEachEvent() async throws {
        let queue = InboundMessageQueue {}
        async let first = queue.next()
        _ = queue.push(ByteBuffer(string: "a"))
        #expect(try await first == ByteBuffer(string: "a"))
        async let second = queue.next()
        queue.finish()
        #expect(try await second == nil)
    }

    @Test func cancellationEndsTheWait() async {
        let queue = InboundMessageQueue {}
        let reader = Task { try await queue.next() }
        reader.cancel()
        await #expect(throws: CancellationError.self) { try await reader.value }
    }
}
