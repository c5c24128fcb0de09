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
    /// It was not looked up: whoever asks has too many names under way already.
    case refused

    /// The reason of ``refused``, for messages.
    package static let why = "too many names of the same client are being looked up"
}

/// For whom a name is looked up.
package enum NameAsker: Sendable, Hashable {
    /// For the configuration: servers, and what an operator asks. Never refused, and asked at once.
    case core
    /// A user's e-mail.
    case user(String)
    case source(IPAddress)
}

extension Session {
    /// Who chose the names of this session's targets: the user, or the source where the user has no e-mail; of IPv6 the /64.
    package var asker: NameAsker {
        if let email = user?.email, !email.isEmpty { return .user(email) }
        if case .v6(let high, _) = source.ip { return .source(.v6(high: high, low: 0)) }
        return .source(source.ip)
    }

    /// The same for what is dialled in the place of the target, which the configuration names.
    func asker(of dialled: Destination) -> NameAsker {
        dialled.address == target.address ? asker : .core
    }
}

/// Names to addresses by the system's resolver, on threads of its own.
///
/// Answers are kept for `lifetime`, so a burst of connections to one name asks once; questions for a name that is being
/// looked up wait for the same answer. The threads are everybody's, and each may be held for as long as a name server is silent
/// (some 20 s): failures are kept for a while too, nobody waits longer than `patience`, names for which nobody waits any more
/// are not asked for, and nobody has more than half of the threads: further names of the same ``NameAsker`` wait for the first ones, and
/// beyond some hundreds are refused. A name that waits its turn and is asked for by somebody else is looked up for that one.
/// Thread-safe; one lock for each question and answer, never held while a name is looked up.
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

    /// A name that is not known yet.
    private struct Question {
        var owner: NameAsker
        /// On a thread, or next for one; otherwise it waits behind others of its owner.
        var isRunning: Bool
        var waiters: [Waiter] = []
    }

    private struct Load {
        var running = 0
        /// Names that wait, in their order; some may have been asked for by others meanwhile, or given up.
        var queue = CircularBuffer<String>()
    }

    private struct State {
        var known: [String: Known] = [:]
        var questions: [String: Question] = [:]
        var loads: [NameAsker: Load] = [:]
        var lastNumber: UInt64 = 0

        /// A question is off its thread. Gives the names that are to be looked up now.
        mutating func release(_ owner: NameAsker, limit: Int) -> [String] {
            guard owner != .core, var load = loads[owner] else { return [] }
            load.running -= 1
            var next: [String] = []
            while load.running < limit, let name = load.queue.popFirst() {
                guard let question = questions[name], question.owner == owner, !question.isRunning else { continue }
                questions[name]?.isRunning = true
                load.running += 1
                next.append(name)
            }
            loads[owner] = load.running == 0 ? nil : load
            return next
        }
    }

    private enum Outcome {
        case known(NameAnswer)
        case waits(number: UInt64, starts: Bool)
        case tooMany
        case refused
    }

    private enum Phase { case idle, running, stopped }

    private let threads: NIOThreadPool
    private let phase = Mutex(Phase.idle)
    private let patience: TimeAmount
    private let now: @Sendable () -> NIODeadline
    private let state = Mutex(State())
    /// Names on threads, and names that wait for that, for one asker.
    private let limit: Int
    private let askerQueueLimit: Int
    private let ask: @Sendable (String) throws -> [IPAddress]

    /// - Parameters:
    ///   - threads: Half of them, and at least one, are one asker's at most.
    ///   - askerQueueLimit: Names of one asker that wait for others of it.
    ///   - lookUp: Blocks until it has all addresses of a name; an empty list means "none". Throws when it cannot find out. Tests
    ///     give their own.
    package init(
        threads: Int = 32, patience: TimeAmount = .seconds(10), askerQueueLimit: Int = 256,
        lookUp: @escaping @Sendable (String) throws -> [IPAddress] = Resolver.system,
        now: @escaping @Sendable () -> NIODeadline = { .now() }
    ) {
        self.threads = NIOThreadPool(numberOfThreads: threads)
        self.patience = patience
        self.askerQueueLimit = askerQueueLimit
        limit = max(1, threads / 2)
        self.now = now
        ask = lookUp
    }

    /// All addresses of `name` in the resolver's order; an empty list when there are none. Never fails.
    package func resolve(
        _ name: String, for asker: NameAsker, on eventLoop: any EventLoop
    ) -> EventLoopFuture<[IPAddress]> {
        if let ip = IPAddress(name) { return eventLoop.makeSucceededFuture([ip]) }
        return lookUp(name, for: asker, on: eventLoop).map { answer in
            if case .addresses(let addresses, _) = answer { addresses } else { [] }
        }
    }

    /// What is known of `name`. Never fails.
    package func lookUp(
        _ name: String, for asker: NameAsker, on eventLoop: any EventLoop
    ) -> EventLoopFuture<NameAnswer> {
        if let ip = IPAddress(name) {
            return eventLoop.makeSucceededFuture(.addresses([ip], lifetime: Self.lifetime))
        }
        let name = name.lowercased()
        let promise = eventLoop.makePromise(of: NameAnswer.self)
        switch begin(name, asker, promise) {
        case .known(let answer):
            promise.succeed(answer)
        case .tooMany:
            promise.succeed(.failed)
        case .refused:
            promise.succeed(.refused)
        case .waits(let number, let starts):
            let timer = eventLoop.scheduleTask(in: patience) { [self] in giveUp(name, number) }
            promise.futureResult.whenComplete { _ in timer.cancel() }
            if starts { start(name) }
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

    private func begin(_ name: String, _ asker: NameAsker, _ promise: EventLoopPromise<NameAnswer>) -> Outcome {
        let now = now()
        return state.withLock { state in
            if let known = state.known[name], known.expires > now { return .known(known.answer(at: now)) }
            var question = state.questions[name] ?? Question(owner: asker, isRunning: false)
            let isFirst = question.waiters.isEmpty && !question.isRunning
            guard !isFirst || state.questions.count < Self.queueLimit else { return .tooMany }
            var starts = false
            if !question.isRunning {
                var load = state.loads[asker] ?? Load()
                starts = asker == .core || load.running < limit
                if starts {
                    question.owner = asker
                    question.isRunning = true
                    load.running += 1
                } else if isFirst {
                    guard load.queue.count < askerQueueLimit else { return .refused }
                    load.queue.append(name)
                }
                if asker != .core { state.loads[asker] = load }
            }
            state.lastNumber += 1
            question.waiters.append(Waiter(number: state.lastNumber, promise: promise))
            state.questions[name] = question
            return .waits(number: state.lastNumber, starts: starts)
        }
    }

    private func start(_ name: String) {
        startThreads()
        threads.submit { [self] status in
            guard isAwaited(name) else { return }
            finish(name, status == .active ? try? ask(name) : nil)
        }
    }

    private func giveUp(_ name: String, _ number: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let place = state.questions[name]?.waiters.firstIndex(where: { $0.number == number }) else {
                return nil
            }
            let waiter = state.questions[name]?.waiters.remove(at: place)
            if let question = state.questions[name], question.waiters.isEmpty, !question.isRunning {
                state.questions[name] = nil
                state.loads[question.owner]?.queue.removeAll { $0 == name }
            }
            return waiter
        }
        waiter?.promise.succeed(.failed)
    }

    /// False, and the name is forgotten, when all who waited for it have given up.
    private func isAwaited(_ name: String) -> Bool {
        let next = state.withLock { state -> [String]? in
            guard let question = state.questions[name], question.waiters.isEmpty else { return nil }
            state.questions[name] = nil
            return state.release(question.owner, limit: limit)
        }
        guard let next else { return true }
        for name in next { start(name) }
        return false
    }

    /// - Parameter addresses: Nil = it could not be found out.
    private func finish(_ name: String, _ addresses: [IPAddress]?) {
        let now = now()
        let lifetime = addresses?.isEmpty ?? true ? Self.failureLifetime : Self.lifetime
        let known = Known(addresses: addresses, expires: now + lifetime)
        let (waiters, next) = state.withLock { state -> ([Waiter], [String]) in
            if state.known.count >= Self.capacity { state.known.removeAll(keepingCapacity: true) }
            state.known[name] = known
            guard let question = state.questions.removeValue(forKey: name) else { return ([], []) }
            return (question.waiters, state.release(question.owner, limit: limit))
        }
        for name in next { start(name) }
        for waiter in waiters { waiter.promise.succeed(known.answer(at: now)) }
    }
}
