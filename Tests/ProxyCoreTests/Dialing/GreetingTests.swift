// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import ProxyModel
import Testing

@testable import ProxyCore

struct GreetingTests {
    /// Answers a row of steps, and takes so many bytes for each `needMore`.
    private struct Script: ClientHandshake {
        var steps: [ClientHandshakeStep]
        var taken = 2

        mutating func receive(_ buffer: inout ByteBuffer) -> ClientHandshakeStep {
            if case .needMore? = steps.first {
                guard buffer.readSlice(length: taken) != nil else { return .needMore }
                steps.removeFirst()
            }
            return steps.isEmpty ? .done : steps.removeFirst()
        }
    }

    private static func greeting(_ steps: [ClientHandshakeStep], header: Bool = false) throws -> Greeting {
        var plan = DialPlan(target: Destination(network: .tcp, address: .ip(.loopbackV4), port: 1))
        if !steps.isEmpty { plan.handshake = Script(steps: steps) }
        let source = Endpoint(ip: .loopbackV4, port: 5)
        if header { plan.proxyHeader = DialPlan.ProxyHeader(version: 1, source: source, target: source) }
        return Greeting(plan, on: EmbeddedChannel())
    }

    private static func text(_ progress: Greeting.Progress) -> String {
        switch progress {
        case .needMore(let said): "more, behind \(said.map { String(buffer: $0) } ?? "nothing")"
        case .done(let said): "done, behind \(said.map { String(buffer: $0) } ?? "nothing")"
        case .failed(let why): "failed: \(why)"
        }
    }

    @Test func whatIsSaidInOneGoIsOneBuffer() throws {
        var greeting = try Self.greeting([
            .send(ByteBuffer(string: "a")), .send(ByteBuffer(string: "b")), .needMore, .send(ByteBuffer(string: "c")),
            .needMore, .send(ByteBuffer(string: "d")), .send(ByteBuffer(string: "e")),
        ])
        var input = ByteBuffer()
        #expect(Self.text(greeting.receive(&input)) == "more, behind ab")
        input.writeString("1")
        #expect(Self.text(greeting.receive(&input)) == "more, behind nothing")
        input.writeString("1")
        #expect(Self.text(greeting.receive(&input)) == "more, behind c")
        input.writeString("22payload")
        #expect(Self.text(greeting.receive(&input)) == "done, behind de")
        #expect(String(buffer: input) == "payload", "the first that came down is left")
    }

    @Test func headerGoesWithTheFirstThatIsSaid() throws {
        var greeting = try Self.greeting([.send(ByteBuffer(string: "hello")), .needMore], header: true)
        var nothing = ByteBuffer()
        #expect(Self.text(greeting.receive(&nothing)) == "more, behind PROXY TCP4 127.0.0.1 127.0.0.1 5 5\r\nhello")
    }

    @Test func planThatSaysNothingIsDoneAtOnce() throws {
        var nothing = ByteBuffer()
        var silent = try Self.greeting([])
        #expect(Self.text(silent.receive(&nothing)) == "done, behind nothing")
        var headed = try Self.greeting([], header: true)
        #expect(Self.text(headed.receive(&nothing)) == "done, behind PROXY TCP4 127.0.0.1 127.0.0.1 5 5\r\n")
    }

    @Test func refusalTellsItsReason() throws {
        var greeting = try Self.greeting([.send(ByteBuffer(string: "a")), .needMore, .fail("not today")])
        var input = ByteBuffer()
        _ = greeting.receive(&input)
        input.writeString("no")
        #expect(Self.text(greeting.receive(&input)) == "failed: not today")
    }
}
