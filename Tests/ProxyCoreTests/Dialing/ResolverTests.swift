// SPDX-License-Identifier: Apache-2.0
import Dispatch
import NIOCore
import NIOPosix
import ProxyModel
import Synchronization
import Testing

@testable import ProxyCore

struct ResolverTests {
    private struct NoServer: Error {}

    /// A name server that remembers what it was asked for.
    private final class Names: Sendable {
        let asked = Mutex<[String]>([])
        let gate = DispatchSemaphore(value: 0)

        var all: [String] { asked.withLock { $0 } }

        @Sendable func answer(_ name: String) throws -> [IPAddress] {
            asked.withLock { $0.append(name) }
            switch name {
            case "none.example": return []
            case "broken.example": throw NoServer()
            case "silent.example": gate.wait()
            default: break
            }
            return [.loopbackV4]
        }
    }

    private let loop = MultiThreadedEventLoopGroup.singleton.any()

    @Test func namesThatDifferInCaseAreOneName() async throws {
        let names = Names()
        let resolver = Resolver(threads: 1, lookUp: names.answer, now: { .uptimeNanoseconds(1) })
        for name in ["two.example", "Two.EXAMPLE"] {
            #expect(try await resolver.resolve(name, on: loop).get() == [.loopbackV4])
        }
        #expect(names.all == ["two.example"])
        resolver.stop()
    }

    @Test func whatCannotBeLookedUpIsNotAskedForAgainAtOnce() async throws {
        let names = Names()
        let resolver = Resolver(threads: 1, lookUp: names.answer, now: { .uptimeNanoseconds(1) })
        for name in ["broken.example", "none.example", "broken.example", "none.example"] {
            #expect(try await resolver.resolve(name, on: loop).get().isEmpty)
        }
        guard case .failed = try await resolver.lookUp("broken.example", on: loop).get() else {
            Issue.record("a failure is no empty answer")
            return
        }
        #expect(names.all == ["broken.example", "none.example"])
        resolver.stop()
    }

    @Test func nobodyWaitsForASilentServerAndWhatNobodyWaitsForIsNotAsked() async throws {
        let names = Names()
        let resolver = Resolver(threads: 1, patience: .milliseconds(100), lookUp: names.answer)
        async let silent = resolver.resolve("silent.example", on: loop).get()
        async let queued = resolver.resolve("queued.example", on: loop).get()
        #expect(try await silent.isEmpty)
        #expect(try await queued.isEmpty)
        async let later = resolver.resolve("later.example", on: loop).get()
        names.gate.signal()
        _ = try await later
        #expect(try await resolver.resolve("last.example", on: loop).get() == [.loopbackV4])
        #expect(!names.all.contains("queued.example"))
        resolver.stop()
    }
}
