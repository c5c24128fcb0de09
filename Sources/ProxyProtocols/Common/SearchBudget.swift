// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Synchronization

/// How much may be spent on looking through all users for somebody who turns out to be nobody. Whoever is found costs nothing of it,
/// so a thousand clients that come back after a restart are not held up; garbage uses it up.
///
/// Counted in keys that were tried, some 1 µs each, so that the limit is one of time whatever the number of users: a Shadowsocks inbound
/// spends about a fifth of an event loop's time on connections of nobodies, and as much on their datagrams; one source (of IPv6 a /64) a
/// fiftieth, that is two searches a second through 10,000 users and 200 through 100. A source that has failed lately may use only half of
/// the budget; the rest is for those who come for the first time. Thread-safe.
final class SearchBudget: Sendable {
    struct Limits {
        /// Keys tried in vain, a second in the long run, and at a time.
        var perSecond = 200_000
        var atOnce = 400_000
        /// The same for one source.
        var perSecondOfSource = 20_000
        var atOnceOfSource = 200_000
    }

    /// Sources that are remembered; beyond it all are forgotten.
    private static let capacity = 16_384

    /// What was spent and is not made good yet.
    private struct Spending {
        var amount = 0
        var time: NIODeadline

        mutating func pay(_ perSecond: Int, until now: NIODeadline) {
            guard now > time else { return }
            let paid = Double((now - time).nanoseconds) / 1e9 * Double(perSecond)
            amount = paid >= Double(amount) ? 0 : amount - Int(paid)
            time = now
        }
    }

    private struct State {
        var all: Spending
        var sources: [IPAddress: Spending] = [:]
    }

    private let limits: Limits
    private let now: @Sendable () -> NIODeadline
    private let state: Mutex<State>

    init(_ limits: Limits = Limits(), now: @escaping @Sendable () -> NIODeadline = { .now() }) {
        self.limits = limits
        self.now = now
        state = Mutex(State(all: Spending(time: now())))
    }

    /// Whether a search may begin. One that is longer than what is left may, too, and is paid for later.
    func admits(_ source: IPAddress?) -> Bool {
        let now = now()
        return state.withLock { state in
            state.all.pay(limits.perSecond, until: now)
            guard let source, let place = state.sources.index(forKey: Self.network(of: source)) else {
                return state.all.amount < limits.atOnce
            }
            state.sources.values[place].pay(limits.perSecondOfSource, until: now)
            let own = state.sources.values[place].amount
            guard own > 0 else { return state.all.amount < limits.atOnce }
            return own < limits.atOnceOfSource && state.all.amount < limits.atOnce / 2
        }
    }

    /// So many keys were tried in vain.
    func spend(_ count: Int, by source: IPAddress?) {
        let now = now()
        state.withLock { state in
            state.all.amount += count
            guard let source else { return }
            let network = Self.network(of: source)
            if state.sources.count >= Self.capacity, state.sources[network] == nil {
                state.sources.removeAll(keepingCapacity: true)
            }
            state.sources[network, default: Spending(time: now)].amount += count
        }
    }

    private static func network(of ip: IPAddress) -> IPAddress {
        if case .v6(let high, _) = ip { .v6(high: high, low: 0) } else { ip }
    }
}
