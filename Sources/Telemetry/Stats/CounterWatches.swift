// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Synchronization

/// The thresholds of a registry's counters.
///
/// Each counter has a limit, below which nobody has to look; this is the largest value for one that nobody watches. For a sum
/// over several counters each gets an equal share of what is missing: as long as none has used up its share, the sum
/// is below the threshold, and one that has makes the shares be dealt out anew. So a crossing is found with the addition that
/// makes it, after some steps that grow with the logarithm of the distance.
///
/// All state is behind one lock, which additions take only when they reach their limit.
final class CounterWatches: Sendable {
    /// Counters that are added up, and whether their sum has reached the threshold.
    private final class Group {
        let subject: String
        let watch: UInt64
        let threshold: Int64
        let ofTotals: Bool
        let body: @Sendable (CounterCrossing) -> Void
        var members: [(counter: Counter, limit: Int64)] = []
        var hasCrossed = false

        init(subject: String, of id: UInt64, _ watch: Watch) {
            self.subject = subject
            self.watch = id
            threshold = watch.threshold
            ofTotals = watch.ofTotals
            body = watch.body
        }

        /// All that the members ever counted.
        var total: Int64 { members.reduce(0) { $0 &+ $1.counter.total } }

        func crossing(_ value: Int64) -> @Sendable () -> Void {
            let crossing = CounterCrossing(counter: subject, value: value, threshold: threshold)
            return { [body] in body(crossing) }
        }
    }

    private struct Watch {
        var pattern: CounterPattern
        var threshold: Int64
        var ofTotals: Bool
        var body: @Sendable (CounterCrossing) -> Void
        var groups: [String: Group] = [:]
    }

    // `@unchecked`: groups are touched under the lock only.
    private struct State: @unchecked Sendable {
        var lastID: UInt64 = 0
        var watches: [UInt64: Watch] = [:]
        /// Watches by what stands before the first `*` of their pattern, and how many there are by the length of that.
        var byPrefix: [String: Set<UInt64>] = [:]
        var prefixLengths: [Int: Int] = [:]
        var groups: [ObjectIdentifier: [Group]] = [:]
    }

    private let state = Mutex(State())
    private let count = Atomic<Int>(0)

    /// Whether there is any watch; one atomic load.
    var isInUse: Bool { count.load(ordering: .acquiring) > 0 }

    func add(
        _ pattern: CounterPattern, threshold: Int64, ofTotals: Bool = false,
        _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            state.watches[state.lastID] = Watch(
                pattern: pattern, threshold: threshold, ofTotals: ofTotals, body: body)
            state.byPrefix[pattern.prefix, default: []].insert(state.lastID)
            state.prefixLengths[pattern.prefix.utf8.count, default: 0] += 1
            count.store(state.watches.count, ordering: .releasing)
            return state.lastID
        }
    }

    func remove(_ id: UInt64) {
        let removed = state.withLock { state -> Watch? in
            guard let watch = state.watches.removeValue(forKey: id) else { return nil }
            count.store(state.watches.count, ordering: .releasing)
            let prefix = watch.pattern.prefix
            state.byPrefix[prefix]?.remove(id)
            if state.byPrefix[prefix]?.isEmpty == true { state.byPrefix[prefix] = nil }
            let length = prefix.utf8.count
            if let others = state.prefixLengths[length] { state.prefixLengths[length] = others > 1 ? others - 1 : nil }
            for group in watch.groups.values {
                for (counter, _) in group.members {
                    let rest = (state.groups[ObjectIdentifier(counter)] ?? []).filter { $0.watch != id }
                    state.groups[ObjectIdentifier(counter)] = rest.isEmpty ? nil : rest
                    Self.setLimit(of: counter, rest)
                }
            }
            return watch
        }
        // Released outside the lock, with all that the body holds.
        withExtendedLifetime(removed) {}
    }

    func removeAll() {
        for id in state.withLock({ Array($0.watches.keys) }) { remove(id) }
    }

    /// Adds counters that were there before the watch.
    func attach(_ counters: [Counter], to id: UInt64) {
        let crossings = state.withLock { state in
            counters.flatMap { Self.attach($0, to: id, &state) }
        }
        for crossing in crossings { crossing() }
    }

    /// A new counter stands in the registry.
    func made(_ counter: Counter) {
        guard isInUse else { return }
        let crossings = state.withLock { state -> [@Sendable () -> Void] in
            var crossings: [@Sendable () -> Void] = []
            let name = Array(counter.name.utf8)
            for length in state.prefixLengths.keys where length <= name.count {
                let prefix = String(decoding: name[..<length], as: UTF8.self)
                for id in state.byPrefix[prefix] ?? [] { crossings += Self.attach(counter, to: id, &state) }
            }
            return crossings
        }
        for crossing in crossings { crossing() }
    }

    /// An addition has brought the counter to its limit.
    func reached(_ counter: Counter) {
        let crossings = state.withLock { state in
            (state.groups[ObjectIdentifier(counter)] ?? []).compactMap { Self.evaluate($0, state) }
        }
        for crossing in crossings { crossing() }
    }

    /// Sets the counter to 0. What crossed before and was not told yet is told; what has crossed may cross again.
    func reset(_ counter: Counter) -> Int64 {
        let (old, crossings) = state.withLock { state -> (Int64, [@Sendable () -> Void]) in
            let old = counter.exchangeZero()
            var crossings: [@Sendable () -> Void] = []
            for group in state.groups[ObjectIdentifier(counter)] ?? [] {
                if group.ofTotals {
                    if let crossing = Self.evaluate(group, state) { crossings.append(crossing) }
                    continue
                }
                let others = group.members.reduce(0) { $0 &+ ($1.counter === counter ? 0 : $1.counter.value) }
                if !group.hasCrossed, others &+ old >= group.threshold {
                    crossings.append(group.crossing(others &+ old))
                    group.hasCrossed = true
                }
                if others < group.threshold { group.hasCrossed = false }
                if let crossing = Self.evaluate(group, state) { crossings.append(crossing) }
            }
            return (old, crossings)
        }
        for crossing in crossings { crossing() }
        return old
    }

    // MARK: under the lock

    private static func attach(_ counter: Counter, to id: UInt64, _ state: inout State) -> [@Sendable () -> Void] {
        guard let watch = state.watches[id], watch.pattern.matches(counter.name) else { return [] }
        let subject = watch.pattern.subject(of: counter.name)
        let group = watch.groups[subject] ?? Group(subject: subject, of: id, watch)
        guard !group.members.contains(where: { $0.counter === counter }) else { return [] }
        state.watches[id]?.groups[subject] = group
        group.members.append((counter, .max))
        state.groups[ObjectIdentifier(counter), default: []].append(group)
        return evaluate(group, state).map { [$0] } ?? []
    }

    /// Deals out the shares, or finds that the threshold is reached; then tells what is to be called.
    private static func evaluate(_ group: Group, _ state: State) -> (@Sendable () -> Void)? {
        while true {
            let values = group.members.map { $0.counter.value }
            let sum = group.ofTotals ? group.total : values.reduce(0, &+)
            let missing = group.threshold &- sum
            let share = missing > 0 ? (missing - 1) / Int64(values.count) + 1 : 0
            for index in group.members.indices {
                let (limit, overflow) = values[index].addingReportingOverflow(share)
                group.members[index].limit = missing > 0 && !overflow ? limit : .max
                let counter = group.members[index].counter
                setLimit(of: counter, state.groups[ObjectIdentifier(counter)] ?? [])
            }
            if missing <= 0 {
                defer { group.hasCrossed = true }
                return group.hasCrossed ? nil : group.crossing(sum)
            }
            // An addition that did not see the new limits is in these values.
            if group.members.allSatisfy({ $0.counter.settledValue < $0.limit }) { return nil }
        }
    }

    private static func setLimit(of counter: Counter, _ groups: [Group]) {
        var least = Int64.max
        for group in groups {
            for member in group.members where member.counter === counter { least = min(least, member.limit) }
        }
        counter.limit.store(least, ordering: .releasing)
    }
}
