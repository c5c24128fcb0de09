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
/// looked up wait for the same answer. The threads are everybody's, and each may be held for as long as a name server is silent
/// (some 20 s): failures are kept for a while too, nobody waits longer than `patience`, and names for which nobody waits any more
/// are not asked for. Thread-safe.
package final class Resolver: Sendable {
    package static let lifetime = TimeAmount.seconds(30)
    /// How long it is believed that a name has no addresses or cannot be looked up.
    package static let failureLifetime = TimeAmount.seconds(5)
    private static let capacity = 4096
    /// Names that are being looked up or wait for a thread; further ones fail.
    private static let queueLimit = 4096

    private struct Known {
        /// Nil = it could not be found out.
        var addresses: [IPAddress]?
        var expires: NIODeadline

        func answer(at now: NIODeadline) -> NameAnswer {
            addresses.map { .addresses($0, lifetime: expires - now) } ?? .failed
        }
    }

    private struct Waiter {
        let number: UInt64
        let promise: EventLoopPromise<NameAnswer>
    }

    private struct State {
        var known: [String: Known] = [:]
        var waiting: [String: [Waiter]] = [:]
        var lastNumber: UInt64 = 0
    }

    private enum Outcome {
        case known(NameAnswer)
        case waits(number: UInt64, isFirst: Bool)
        case tooMany
    }

    private enum Phase { case idle, running, stopped }

    private let threads: NIOThreadPool
    private let phase = Mutex(Phase.idle)
    private let patience: TimeAmount
    private let now: @Sendable () -> NIODeadline
    private let state = Mutex(State())
    private let ask: @Sendable (String) throws -> [IPAddress]

    /// - Parameter lookUp: Blocks until it has all addresses of a name; an empty list means "none". Throws when it cannot find
    ///   out. Tests give their own.
    package init(
        threads: Int = 32, patience: TimeAmount = .seconds(10),
        lookUp: @escaping @Sendable (String) throws -> [IPAddress] = Resolver.system,
        now: @escaping @Sendable () -> NIODeadline = { .now() }
    ) {
        self.threads = NIOThreadPool(numberOfThreads: threads)
        self.patience = patience
        self.now = now
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
        let name = name.lowercased()
        let promise = eventLoop.makePromise(of: NameAnswer.self)
        switch begin(name, promise) {
        case .known(let answer):
            promise.succeed(answer)
        case .tooMany:
            promise.succeed(.failed)
        case .waits(let number, let isFirst):
            let timer = eventLoop.scheduleTask(in: patience) { [self] in giveUp(name, number) }
            promise.futureResult.whenComplete { _ in timer.cancel() }
            guard isFirst else { break }
            startThreads()
            threads.submit { [self] status in
                guard isAwaited(name) else { return }
                finish(name, status == .active ? try? ask(name) : nil)
            }
        }
        return promise.futureResult
    }

    /// Waits for no answers any more; names asked for later fail to resolve.
    package func stop() {
        phase.withLock { $0 = .stopped }
        threads.shutdownGracefully { _ in }
    }

    /// With the first name: a core that is made to see whether it could be made, and is thrown away, has no threads to leave behind.
    private func startThreads() {
        phase.withLock { phase in
            guard case .idle = phase else { return }
            phase = .running
            threads.start()
        }
    }

    private func begin(_ name: String, _ promise: EventLoopPromise<NameAnswer>) -> Outcome {
        let now = now()
        return state.withLock { state in
            if let known = state.known[name], known.expires > now { return .known(known.answer(at: now)) }
            let isFirst = state.waiting[name] == nil
            guard !isFirst || state.waiting.count < Self.queueLimit else { return .tooMany }
            state.lastNumber += 1
            state.waiting[name, default: []].append(Waiter(number: state.lastNumber, promise: promise))
            return .waits(number: state.lastNumber, isFirst: isFirst)
        }
    }

    private func giveUp(_ name: String, _ number: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let place = state.waiting[name]?.firstIndex(where: { $0.number == number }) else { return nil }
            return state.waiting[name]?.remove(at: place)
        }
        waiter?.promise.succeed(.failed)
    }

    /// False, and the name is forgotten, when all who waited for it have given up.
    private func isAwaited(_ name: String) -> Bool {
        state.withLock { state in
            guard state.waiting[name]?.isEmpty ?? true else { return true }
            state.waiting[name] = nil
            return false
        }
    }

    /// - Parameter addresses: Nil = it could not be found out.
    private func finish(_ name: String, _ addresses: [IPAddress]?) {
        let now = now()
        let lifetime = addresses?.isEmpty ?? true ? Self.failureLifetime : Self.lifetime
        let known = Known(addresses: addresses, expires: now + lifetime)
        let waiters = state.withLock { state in
            if state.known.count >= Self.capacity { state.known.removeAll(keepingCapacity: true) }
            state.known[name] = known
            return state.waiting.removeValue(forKey: name) ?? []
        }
        for waiter in waiters { waiter.promise.succeed(known.answer(at: now)) }
    }
}
