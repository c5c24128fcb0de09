// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import NIOPosix
package import ProxyModel
import Synchronization

/// What a name stands for.
package enum NameAnswer: Sendable {
    /// May be kept for so long. None = there is no such name, or it has no addresses.
    case addresses([IPAddress], lifetime: TimeAmount)
    /// It could not be found out.
    case failed
}

/// Names to addresses by the system's resolver, on threads of its own.
///
/// Answers are kept for `lifetime`, so a burst of connections to one name asks once; questions for a name that is being
/// looked up wait for the same answer. Thread-safe.
package final class Resolver: Sendable {
    package static let lifetime = TimeAmount.seconds(30)
    private static let capacity = 4096

    private struct Answer {
        var addresses: [IPAddress]
        var expires: NIODeadline
    }

    private struct State {
        var answers: [String: Answer] = [:]
        var waiting: [String: [EventLoopPromise<NameAnswer>]] = [:]
    }

    private let threads: NIOThreadPool
    private let state = Mutex(State())
    private let ask: @Sendable (String) throws -> [IPAddress]

    /// - Parameter lookUp: Blocks until it has all addresses of a name; an empty list means "none". Throws when it cannot find
    ///   out. Tests give their own.
    package init(threads: Int = 8, lookUp: @escaping @Sendable (String) throws -> [IPAddress] = Resolver.system) {
        self.threads = NIOThreadPool(numberOfThreads: threads)
        self.threads.start()
        ask = lookUp
    }

    /// All addresses of `name` in the resolver's order; an empty list when there are none. Never fails.
    package func resolve(_ name: String, on eventLoop: any EventLoop) -> EventLoopFuture<[IPAddress]> {
        if let ip = IPAddress(name) { return eventLoop.makeSucceededFuture([ip]) }
        return lookUp(name, on: eventLoop).map { answer in
            if case .addresses(let addresses, _) = answer { addresses } else { [] }
        }
    }

    /// What is known of `name`. Never fails.
    package func lookUp(_ name: String, on eventLoop: any EventLoop) -> EventLoopFuture<NameAnswer> {
        if let ip = IPAddress(name) {
            return eventLoop.makeSucceededFuture(.addresses([ip], lifetime: Self.lifetime))
        }
        let promise = eventLoop.makePromise(of: NameAnswer.self)
        let now = eventLoop.now
        let (known, isFirst) = state.withLock { state -> (Answer?, Bool) in
            if let answer = state.answers[name], answer.expires > now { return (answer, false) }
            let isFirst = state.waiting[name] == nil
            state.waiting[name, default: []].append(promise)
            return (nil, isFirst)
        }
        if let known {
            promise.succeed(.addresses(known.addresses, lifetime: known.expires - now))
        } else if isFirst {
            threads.submit { [self] _ in finish(name, try? ask(name), now: now) }
        }
        return promise.futureResult
    }

    /// Waits for no answers any more; names asked for later fail to resolve.
    package func stop() {
        threads.shutdownGracefully { _ in }
    }

    /// - Parameter addresses: Nil = it could not be found out.
    private func finish(_ name: String, _ addresses: [IPAddress]?, now: NIODeadline) {
        let promises = state.withLock { state in
            if state.answers.count >= Self.capacity { state.answers.removeAll(keepingCapacity: true) }
            if let addresses, !addresses.isEmpty {
                state.answers[name] = Answer(addresses: addresses, expires: now + Self.lifetime)
            }
            return state.waiting.removeValue(forKey: name) ?? []
        }
        let answer = addresses.map { NameAnswer.addresses($0, lifetime: Self.lifetime) } ?? .failed
        for promise in promises { promise.succeed(answer) }
    }
}
