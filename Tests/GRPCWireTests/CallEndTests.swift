// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GRPCWire

/// How calls end before their time: cancellation, deadlines, limits, and the end of the connection.
struct CallEndTests {
    /// A handler that starts, waits to be cancelled, and says so.
    private func hanging(_ started: Signal, _ cancelled: Signal) -> GRPCHandlerTable {
        GRPCHandlerTable { builder in
            builder.unary(
                "/test.Hang/Unary",
                async: { request, _ in
                    started.fire()
                    await untilCancelled()
                    cancelled.fire()
                    return request
                })
            builder.streaming("/test.Hang/Stream") { inbound, outbound, _ in
                do {
                    try await outbound.write(ByteBuffer(string: "first"))
                    started.fire()
                    for try await _ in inbound {}
                } catch {
                    cancelled.fire()
                    throw error
                }
            }
            builder.unary("/test.Hang/Inline", inline: { request, _ throws(GRPCStatus) in request })
        }
    }

    private func untilCancelled() async {
        let signal = Signal()
        await withTaskCancellationHandler {
            await signal.wait()
        } onCancel: {
            signal.fire()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func aCancelledTaskCancelsTheHandler() async throws {
        let (started, cancelled) = (Signal(), Signal())
        try await withLoopback(hanging(started, cancelled)) { client, _, _ in
            let call = Task { try await client.unary("/test.Hang/Unary", ByteBuffer()) }
            await started.wait()
            call.cancel()
            await #expect(throws: GRPCStatus(.cancelled, "context canceled")) { try await call.value }
            await cancelled.wait()
            let reply = try await client.unary("/test.Hang/Inline", ByteBuffer(string: "a"))
            #expect(reply == ByteBuffer(string: "a"))
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func aStreamThatIsLetGoCancelsTheHandler() async throws {
        let (started, cancelled) = (Signal(), Signal())
        try await withLoopback(hanging(started, cancelled)) { client, _, _ in
            do {
                let (requests, responses) = client.streaming("/test.Hang/Stream")
                try await requests.write(ByteBuffer())
                #expect(try await responses.next() == ByteBuffer(string: "first"))
            }
            await cancelled.wait()
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: ["/test.Hang/Unary", "/test.Hang/Stream"])
    func aDeadlineEndsTheCallOnBothSides(path: String) async throws {
        // On a busy machine a second may pass before the handler has begun, and then there is nothing to be cancelled.
        for seconds in [1, 10, 100] as [Int64] {
            let (started, cancelled) = (Signal(), Signal())
            let hasBegun = Mutex(false)
            let watch = Task {
                await started.wait()
                hasBegun.withLock { $0 = true }
            }
            defer { watch.cancel() }
            try await withLoopback(hanging(started, cancelled)) { client, _, _ in
                try await client.connect()
                let (requests, responses) = client.streaming(path, timeout: .seconds(seconds))
                await #expect(throws: GRPCStatus(.deadlineExceeded, "context deadline exceeded")) {
                    try await requests.write(ByteBuffer())
                    if path.hasSuffix("Unary") { requests.finish() }
                    while try await responses.next() != nil {}
                }
                if hasBegun.withLock({ $0 }) { await cancelled.wait() }
            }
            if hasBegun.withLock({ $0 }) { return }
        }
        Issue.record("the handler has never begun in time")
    }

    @Test(.timeLimit(.minutes(5)))
    func callsAboveTheLimitOfHandlersAreRefused() async throws {
        let (started, cancelled) = (Signal(), Signal())
        var configuration = GRPCServerConfiguration()
        configuration.maxRunningHandlers = 1
        try await withLoopback(hanging(started, cancelled), server: configuration) { client, _, _ in
            let first = Task { try await client.unary("/test.Hang/Unary", ByteBuffer()) }
            await started.wait()
            await #expect(throws: GRPCStatus(.resourceExhausted, "too many calls are running")) {
                try await client.unary("/test.Hang/Unary", ByteBuffer())
            }
            let reply = try await client.unary("/test.Hang/Inline", ByteBuffer())
            #expect(reply == ByteBuffer())
            first.cancel()
            await cancelled.wait()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func shutdownWaitsForRunningCalls() async throws {
        let started = Signal()
        let goOn = Signal()
        let table = GRPCHandlerTable { builder in
            builder.unary(
                "/test.Slow/Get",
                async: { request, _ in
                    started.fire()
                    await goOn.wait()
                    return request
                })
        }
        try await withLoopback(table) { client, server, _ in
            let call = Task { try await client.unary("/test.Slow/Get", ByteBuffer(string: "a")) }
            await started.wait()
            let shutdown = Task { await server.shutdown(grace: .seconds(30)) }
            goOn.fire()
            let reply = try await call.value
            #expect(reply == ByteBuffer(string: "a"))
            await shutdown.value
            #expect(server.connectionCount == 0)
            let error = await #expect(throws: GRPCStatus.self) {
                try await client.unary("/test.Slow/Get", ByteBuffer())
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func shutdownCancelsWhatOutlivesTheGracePeriod() async throws {
        let (started, cancelled) = (Signal(), Signal())
        try await withLoopback(hanging(started, cancelled)) { client, server, _ in
            let call = Task { try await client.unary("/test.Hang/Unary", ByteBuffer()) }
            await started.wait()
            await server.shutdown(grace: .milliseconds(50))
            await cancelled.wait()
            let error = await #expect(throws: GRPCStatus.self) { try await call.value }
            #expect(error?.code == .unavailable)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func nothingOfACallOutlivesIt() async throws {
        let queues = Mutex<[Weak<InboundMessageQueue>]>([])
        let table = GRPCHandlerTable { builder in
            builder.streaming("/test.Echo/Bidi") { inbound, outbound, _ in
                queues.withLock { $0.append(Weak(inbound.queue)) }
                for try await message in inbound { try await outbound.write(message) }
            }
        }
        try await withLoopback(table) { client, _, _ in
            for _ in 0..<10 {
                let (requests, responses) = client.streaming("/test.Echo/Bidi")
                queues.withLock { $0.append(Weak(responses.queue)) }
                try await requests.write(ByteBuffer(string: "a"))
                _ = try await responses.next()
                requests.finish()
                _ = try await responses.next()
            }
        }
        #expect(queues.withLock { $0.count } == 20)
        // The last references are let go by event loops and by tasks that end: soon, and bounded by the test's time limit.
        while queues.withLock({ $0.contains { $0.object != nil } }) { await Task.yield() }
    }

    @Test func aFailedConnectNamesTheAddress() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        // A port that was free a moment ago.
        let server = GRPCServer(group: group, handlers: GRPCHandlerTable { _ in })
        let address = try await server.listen(on: .tcp(host: "127.0.0.1", port: 0))
        await server.shutdown(grace: .zero)
        let client = GRPCClient(address: address, group: group)
        let refused = GRPCStatus(.unavailable, "cannot connect to \(address): connection refused")
        await #expect(throws: refused) { try await client.unary("/a/b", ByteBuffer()) }
        await #expect(throws: refused) { try await client.connect() }
        let unix = GRPCClient(address: .unix(path: "/nowhere.sock"), group: group)
        await #expect(
            throws: GRPCStatus(.unavailable, "cannot connect to unix:/nowhere.sock: no such file or directory")
        ) { try await unix.unary("/a/b", ByteBuffer()) }
    }

    @Test func theClientConnectsAgain() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let table = GRPCHandlerTable { builder in
            builder.unary("/test.Echo/Inline", inline: { request, _ throws(GRPCStatus) in request })
        }
        let first = GRPCServer(group: group, handlers: table)
        let address = try await first.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let client = GRPCClient(address: address, group: group)
        _ = try await client.unary("/test.Echo/Inline", ByteBuffer())
        await first.shutdown()
        let second = GRPCServer(group: group, handlers: table)
        try await second.listen(on: address)
        // The old connection may be found dead by one call.
        var answered = false
        for _ in 0..<2 where !answered {
            answered = (try? await client.unary("/test.Echo/Inline", ByteBuffer())) != nil
        }
        #expect(answered)
        await client.close()
        await #expect(throws: GRPCStatus(.cancelled, "the client was closed")) {
            try await client.unary("/test.Echo/Inline", ByteBuffer())
        }
        await second.shutdown()
    }

    @Test func connectionsAboveTheLimitAreClosed() async throws {
        var configuration = GRPCServerConfiguration()
        configuration.maxConnections = 1
        let table = GRPCHandlerTable { builder in
            builder.unary("/test.Echo/Inline", inline: { request, _ throws(GRPCStatus) in request })
        }
        try await withLoopback(table, server: configuration) { client, _, address in
            _ = try await client.unary("/test.Echo/Inline", ByteBuffer())
            let other = GRPCClient(address: address, group: MultiThreadedEventLoopGroup.singleton)
            let error = await #expect(throws: GRPCStatus.self) {
                try await other.unary("/test.Echo/Inline", ByteBuffer())
            }
            #expect(error?.code == .unavailable)
            await other.close()
        }
    }
}

private struct Weak<Object: AnyObject & Sendable>: Sendable {
    weak let object: Object?

    init(_ object: Object) { self.object = object }
}
