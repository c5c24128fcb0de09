// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import NIOPosix
package import ProxyModel
import Synchronization

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
        var waiting: [String: [EventLoopPromise<[IPAddress]>]] = [:]
    }

    private let threads: NIOThreadPool
    private let state = Mutex(State())
    private let lookUp: @Sendable (String) -> [IPAddress]

    /// - Parameter lookUp: Blocks until it has all addresses of a name; an empty list means "none". Tests give their own.
    package init(threads: Int = 8, lookUp: @escaping @Sendable (String) -> [IPAddress] = Resolver.system) {
        self.threads = NIOThreadPool(numberOfThreads: threads)
        self.threads.start()
        self.lookUp = lookUp
    }

    /// All addresses of `name` in the resolver's order; an empty list when there are none. Never fails.
    package func resolve(_ name: String, on eventLoop: any EventLoop) -> EventLoopFuture<[IPAddress]> {
        if let ip = IPAddress(name) { return eventLoop.makeSucceededFuture([ip]) }
        let promise = eventLoop.makePromise(of: [IPAddress].self)
        let now = eventLoop.now
        let (known, isFirst) = state.withLock { state -> ([IPAddress]?, Bool) in
            if let answer = state.answers[name], answer.expires > now { return (answer.addresses, false) }
            let isFirst = state.waiting[name] == nil
            state.waiting[name, default: []].append(promise)
            return (nil, isFirst)
        }
        if let known {
            promise.succeed(known)
        } else if isFirst {
            threads.submit { [self] _ in finish(name, addresses: lookUp(name), now: now) }
        }
        return promise.futureResult
    }

    /// Waits for no answers any more; names asked for later fail to resolve.
    package func stop() {
        threads.shutdownGracefully { _ in }
    }

    private func finish(_ name: String, addresses: [IPAddress], now: NIODeadline) {
        let promises = state.withLock { state in
            if state.answers.count >= Self.capacity { state.answers.removeAll(keepingCapacity: true) }
            if !addresses.isEmpty {
                state.answers[name] = Answer(addresses: addresses, expires: now + Self.lifetime)
            }
            return state.waiting.removeValue(forKey: name) ?? []
        }
        for promise in promises { promise.succeed(addresses) }
    }
}
