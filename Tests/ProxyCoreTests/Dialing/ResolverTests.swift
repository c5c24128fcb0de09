// SPDX-License-Identifier: Apache-2.0
import Dispatch
import NIOCore
import NIOPosix
import ProxyModel
import Synchronization
import TestSupport
import Testing

import class ProxyCore.Resolver

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
            #expect(try await resolver.resolve(name, for: .core, on: loop).get() == [.loopbackV4])
        }
        #expect(names.all == ["two.example"])
        resolver.stop()
    }

    @Test func whatCannotBeLookedUpIsNotAskedForAgainAtOnce() async throws {
        let names = Names()
        let resolver = Resolver(threads: 1, lookUp: names.answer, now: { .uptimeNanoseconds(1) })
        for name in ["broken.example", "none.example", "broken.example", "none.example"] {
            #expect(try await resolver.resolve(name, for: .core, on: loop).get().isEmpty)
        }
        guard case .failed = try await resolver.lookUp("broken.example", for: .core, on: loop).get() else {
            Issue.record("a failure is no empty answer")
            return
        }
        #expect(names.all == ["broken.example", "none.example"])
        resolver.stop()
    }

    @Test func nobodyWaitsForASilentServerAndWhatNobodyWaitsForIsNotAsked() async throws {
        let names = Names()
        let resolver = Resolver(threads: 1, patience: .milliseconds(100), lookUp: names.answer)
        let silent = resolver.resolve("silent.example", for: .core, on: loop)
        let queued = resolver.resolve("queued.example", for: .core, on: loop)
        #expect(try await silent.get().isEmpty)
        #expect(try await queued.get().isEmpty)
        names.gate.signal()
        // Patience is short here, and the machine may be busy.
        try await eventually {
            try await resolver.resolve("last.example", for: .core, on: loop).get() == [.loopbackV4]
        }
        #expect(!names.all.contains("queued.example"))
        resolver.stop()
    }

    // MARK: One asker's share

    /// Four threads, of which one asker has two, and names that are not answered before the gate opens.
    private func share(_ names: Names, queue: Int = 2) -> Resolver {
        Resolver(threads: 4, patience: .hours(1), askerQueueLimit: queue) { name in
            names.asked.withLock { $0.append(name) }
            if name.hasPrefix("silent") { names.gate.wait() }
            return [.loopbackV4]
        }
    }

    private func isRefused(_ answer: NameAnswer) -> Bool {
        if case .refused = answer { true } else { false }
    }

    @Test func whoAsksForSilentNamesLeavesThreadsToOthers() async throws {
        let names = Names()
        let resolver = share(names)
        let greedy = NameAsker.user("greedy@b")
        let silent = (0..<4).map { resolver.lookUp("silent\($0).example", for: greedy, on: loop) }
        #expect(isRefused(try await resolver.lookUp("fifth.example", for: greedy, on: loop).get()))
        for asker in [NameAsker.user("other@b"), .source(.loopbackV4), .core] {
            #expect(try await resolver.resolve("good-\(asker).example", for: asker, on: loop).get() == [.loopbackV4])
        }
        #expect(names.all.filter { $0.hasPrefix("silent") }.count == 2, "two of the four")
        for _ in silent { names.gate.signal() }
        for answer in silent { #expect(!isRefused(try await answer.get())) }
        #expect(names.all.filter { $0.hasPrefix("silent") }.count == 4, "then the two that waited")
        #expect(try await resolver.resolve("fifth.example", for: greedy, on: loop).get() == [.loopbackV4])
        resolver.stop()
    }

    @Test func nameThatWaitsItsTurnIsLookedUpForWhoeverHasThreads() async throws {
        let names = Names()
        let resolver = share(names)
        let greedy = NameAsker.user("greedy@b")
        let silent = (0..<2).map { resolver.lookUp("silent\($0).example", for: greedy, on: loop) }
        let waiting = resolver.resolve("good.example", for: greedy, on: loop)
        #expect(try await resolver.resolve("good.example", for: .user("other@b"), on: loop).get() == [.loopbackV4])
        #expect(try await waiting.get() == [.loopbackV4])
        for _ in silent { names.gate.signal() }
        for answer in silent { _ = try await answer.get() }
        #expect(names.all.filter { $0 == "good.example" }.count == 1)
        resolver.stop()
    }

    @Test func whatNobodyWaitsForTakesNoPlaceInTheQueue() async throws {
        let names = Names()
        let resolver = Resolver(threads: 2, patience: .milliseconds(50), askerQueueLimit: 1) { name in
            names.asked.withLock { $0.append(name) }
            if name.hasPrefix("silent") { names.gate.wait() }
            return [.loopbackV4]
        }
        let asker = NameAsker.source(.loopbackV4)
        let silent = resolver.lookUp("silent.example", for: asker, on: loop)
        for number in 0..<3 {
            guard case .failed = try await resolver.lookUp("n\(number).example", for: asker, on: loop).get() else {
                Issue.record("a place is free when the one before has given up")
                continue
            }
        }
        names.gate.signal()
        _ = try await silent.get()
        try await eventually {
            try await resolver.resolve("last.example", for: asker, on: loop).get() == [.loopbackV4]
        }
        #expect(!names.all.contains("n0.example"))
        resolver.stop()
    }

    @Test func theConfigurationsOwnNamesHaveNoLimit() async throws {
        let names = Names()
        let resolver = share(names)
        let silent = (0..<3).map { resolver.lookUp("silent\($0).example", for: .core, on: loop) }
        #expect(try await resolver.resolve("good.example", for: .core, on: loop).get() == [.loopbackV4])
        for _ in silent { names.gate.signal() }
        for answer in silent { _ = try await answer.get() }
        resolver.stop()
    }

    @Test func everybodyIsAnsweredWhenItStops() async throws {
        let names = Names()
        let resolver = share(names, queue: 100)
        let answers = (0..<50).map { resolver.lookUp("silent\($0).example", for: .user("a@b"), on: loop) }
        resolver.stop()
        for _ in answers { names.gate.signal() }
        for answer in answers { #expect(!isRefused(try await answer.get())) }
    }

    @Test func askerIsTheUserOrElseTheSource() {
        var session = Session(
            logID: 0, inboundTag: "in", inboundProtocol: "vless", fromRemoteUser: true,
            source: Endpoint(ip: .v6(high: 5, low: 6), port: 7), local: .unspecified,
            user: ProxyUser(email: "a@b", level: 0),
            level: 0, target: Destination(network: .tcp, address: .domain("a.example"), port: 1))
        #expect(session.asker == .user("a@b"))
        session.user = ProxyUser(email: "", level: 0)
        #expect(session.asker == .source(.v6(high: 5, low: 0)))
        session.source = Endpoint(ip: .loopbackV4, port: 1)
        #expect(session.asker(of: session.target) == .source(.loopbackV4))
        let server = Destination(network: .tcp, address: .domain("server.example"), port: 1)
        #expect(session.asker(of: server) == .core, "a server is nobody's choice but the operator's")
    }
}
