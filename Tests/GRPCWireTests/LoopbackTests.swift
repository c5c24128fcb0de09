// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GRPCWire

struct LoopbackTests {
    private func text(_ message: ByteBuffer?) -> String? { message.map { String(buffer: $0) } }

    private static let echo = GRPCHandlerTable { builder in
        builder.unary("/test.Echo/Inline", inline: { request, _ throws(GRPCStatus) in request })
        builder.unary("/test.Echo/Async", async: { request, _ in request })
        builder.unary(
            "/test.Echo/Metadata",
            async: { _, context in
                let text = context.metadata["name"] ?? "none"
                let binary = context.metadata.binaryValues("name-bin").map { "\($0)" }.joined()
                return ByteBuffer(
                    string: "\(text) \(binary) \(context.method) \(context.remoteAddress?.ipAddress ?? "")")
            })
        builder.unary("/test.Echo/Throws", async: { _, _ in throw SomeError() })
        builder.streaming("/test.Echo/Bidi") { inbound, outbound, _ in
            outbound.sendHeaders(["early": "yes"])
            for try await message in inbound { try await outbound.write(message) }
        }
        builder.streaming("/test.Echo/Count") { inbound, outbound, _ in
            let count = try await Int(inbound.next().map { String(buffer: $0) } ?? "") ?? 0
            for number in 0..<count { try await outbound.write(ByteBuffer(string: "\(number)")) }
        }
        builder.streaming("/test.Echo/Sum") { inbound, outbound, _ in
            var sum = 0
            for try await message in inbound { sum += Int(String(buffer: message)) ?? 0 }
            try await outbound.write(ByteBuffer(string: "\(sum)"))
        }
        builder.streaming("/test.Echo/FailLate") { _, outbound, _ in
            try await outbound.write(ByteBuffer(string: "one"))
            throw GRPCStatus(.aborted, "späť", metadata: ["why-bin": .binary([1, 2])])
        }
    }

    private struct SomeError: Error, CustomStringConvertible {
        var description: String { "some/package: it broke" }
    }

    @Test(arguments: ["/test.Echo/Inline", "/test.Echo/Async"], [0, 1, 1000, 4 * 1024 * 1024])
    func unaryCallsCarryAnyMessage(path: String, count: Int) async throws {
        try await withLoopback(Self.echo) { client, _, _ in
            let message = ByteBuffer(repeating: 9, count: count)
            let reply = try await client.unary(path, message)
            #expect(reply == message)
        }
    }

    @Test func manyCallsAtOnce() async throws {
        try await withLoopback(Self.echo) { client, server, _ in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let path = number % 2 == 0 ? "/test.Echo/Inline" : "/test.Echo/Async"
                        return try await client.unary(path, ByteBuffer(string: "\(number)"))
                            == ByteBuffer(string: "\(number)")
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test func metadataReachesTheHandler() async throws {
        try await withLoopback(Self.echo) { client, _, _ in
            let reply = try await client.unary(
                "/test.Echo/Metadata", ByteBuffer(), metadata: ["name": "x", "name-bin": .binary([0, 255])])
            #expect(text(reply) == "x [0, 255] Metadata 127.0.0.1")
        }
    }

    @Test func errorsOfHandlersAreUnknown() async throws {
        try await withLoopback(Self.echo) { client, _, _ in
            await #expect(throws: GRPCStatus(.unknown, "some/package: it broke")) {
                try await client.unary("/test.Echo/Throws", ByteBuffer())
            }
        }
    }

    @Test func unknownMethodsAreUnimplemented() async throws {
        try await withLoopback(Self.echo) { client, _, _ in
            await #expect(throws: GRPCStatus(.unimplemented, "unknown method Nope for service test.Echo")) {
                try await client.unary("/test.Echo/Nope", ByteBuffer(repeating: 0, count: 100_000))
            }
        }
    }

    @Test func serverStreamingDeliversAllInOrder() async throws {
        try await withLoopback(Self.echo) { client, _, _ in
            var expected = 0
            for try await message in client.serverStreaming("/test.Echo/Count", ByteBuffer(string: "5000")) {
                #expect(text(message) == "\(expected)")
                expected += 1
            }
            #expect(expected == 5000)
        }
    }

    @Test func clientStreamingIsAnsweredOnce() async throws {
        try await withLoopback(Self.echo) { client, _, _ in
            let (requests, responses) = client.streaming("/test.Echo/Sum")
            for number in 1...1000 { try await requests.write(ByteBuffer(string: "\(number)")) }
            requests.finish()
            #expect(try await text(responses.next()) == "500500")
            #expect(try await responses.next() == nil)
        }
    }

    @Test func bidirectionalCallsGoToAndFro() async throws {
        try await withLoopback(Self.echo) { client, _, _ in
            let (requests, responses) = client.streaming("/test.Echo/Bidi")
            for number in 0..<100 {
                try await requests.write(ByteBuffer(string: "\(number)"))
                #expect(try await text(responses.next()) == "\(number)")
            }
            requests.finish()
            #expect(try await responses.next() == nil)
        }
    }

    @Test func aStatusMayFollowMessages() async throws {
        try await withLoopback(Self.echo) { client, _, _ in
            let responses = client.serverStreaming("/test.Echo/FailLate", ByteBuffer())
            let first = try await responses.next()
            #expect(text(first) == "one")
            await #expect(throws: GRPCStatus(.aborted, "späť", metadata: ["why-bin": .binary([1, 2])])) {
                try await responses.next()
            }
        }
    }

    @Test func compressionWorksBothWays() async throws {
        var configuration = GRPCClientConfiguration()
        configuration.compressesRequests = true
        try await withLoopback(Self.echo, client: configuration) { client, _, _ in
            let message = ByteBuffer(repeating: 65, count: 2_000_000)
            #expect(try await client.unary("/test.Echo/Inline", message) == message)
            let (requests, responses) = client.streaming("/test.Echo/Bidi")
            try await requests.write(message)
            #expect(try await responses.next() == message)
        }
    }

    @Test func theClientRefusesLargeResponses() async throws {
        var configuration = GRPCClientConfiguration()
        configuration.maxMessageSize = 1000
        try await withLoopback(Self.echo, client: configuration) { client, _, _ in
            await #expect(
                throws: GRPCStatus(.resourceExhausted, "grpc: received message larger than max (1001 vs. 1000)")
            ) {
                try await client.unary("/test.Echo/Inline", ByteBuffer(repeating: 0, count: 1001))
            }
            let reply = try await client.unary("/test.Echo/Inline", ByteBuffer(repeating: 0, count: 1000))
            #expect(reply.readableBytes == 1000)
        }
    }

    @Test func aSlowReaderHoldsTheWriterBack() async throws {
        let total = 2000
        let written = Atomic(0)
        let enough = Signal()
        let table = GRPCHandlerTable { builder in
            builder.streaming("/test.Flood/Get") { _, outbound, _ in
                for number in 0..<total {
                    try await outbound.write(ByteBuffer(repeating: 1, count: 16 * 1024))
                    written.add(1, ordering: .relaxed)
                    if number == 10 { enough.fire() }
                }
            }
        }
        try await withLoopback(table) { client, _, _ in
            let responses = client.serverStreaming("/test.Flood/Get", ByteBuffer())
            await enough.wait()
            var read = 0
            var largestLead = 0
            while try await responses.next() != nil {
                read += 1
                largestLead = max(largestLead, written.load(ordering: .relaxed) - read)
            }
            #expect(read == total)
            // Window, queues and watermarks together are some 500 KiB.
            #expect(largestLead < 64)
        }
    }

    @Test func aSlowHandlerHoldsTheClientBack() async throws {
        let total = 2000
        let read = Atomic(0)
        let go = Signal()
        let table = GRPCHandlerTable { builder in
            builder.streaming("/test.Sink/Put") { inbound, _, _ in
                await go.wait()
                for try await _ in inbound { read.add(1, ordering: .relaxed) }
            }
        }
        try await withLoopback(table) { client, _, _ in
            let (requests, responses) = client.streaming("/test.Sink/Put")
            var largestLead = 0
            for number in 0..<total {
                try await requests.write(ByteBuffer(repeating: 1, count: 16 * 1024))
                if number == 10 { go.fire() }
                largestLead = max(largestLead, number - read.load(ordering: .relaxed))
            }
            requests.finish()
            #expect(try await responses.next() == nil)
            #expect(read.load(ordering: .relaxed) == total)
            #expect(largestLead < 64)
        }
    }

    @Test func unixSocketsServeWithTheirMode() async throws {
        let path = "/tmp/tidegate-\(UInt32.random(in: 0 ... .max)).sock"
        try await withLoopback(Self.echo, listen: .unix(path: path), socketMode: 0o600) { client, _, _ in
            #expect(mode(of: path) == 0o600)
            let reply = try await client.unary("/test.Echo/Async", ByteBuffer(string: "a"))
            #expect(text(reply) == "a")
        }
        #expect(mode(of: path) == nil)
    }

    @Test(arguments: [false, true])
    func abstractSocketsServe(padded: Bool) async throws {
        let name = "tidegate-\(UInt32.random(in: 0 ... .max))"
        try await withLoopback(Self.echo, listen: .abstract(name: name, padded: padded)) { client, _, _ in
            let reply = try await client.unary("/test.Echo/Async", ByteBuffer(string: "a"))
            #expect(text(reply) == "a")
            let other = GRPCClient(
                address: .abstract(name: name, padded: !padded), group: MultiThreadedEventLoopGroup.singleton)
            await #expect(throws: GRPCStatus.self) { try await other.unary("/test.Echo/Async", ByteBuffer()) }
        }
    }

    @Test func aFailedListenNamesTheAddress() async throws {
        try await withLoopback(Self.echo) { _, _, address in
            let second = GRPCServer(group: MultiThreadedEventLoopGroup.singleton, handlers: Self.echo)
            let error = await #expect(throws: GRPCStatus.self) { try await second.listen(on: address) }
            #expect(error?.message == "cannot listen on \(address): address already in use")
            let missing = GRPCAddress.unix(path: "/nowhere/at/all.sock")
            let other = await #expect(throws: GRPCStatus.self) { try await second.listen(on: missing) }
            #expect(other?.message == "cannot listen on unix:/nowhere/at/all.sock: no such file or directory")
        }
    }
}
