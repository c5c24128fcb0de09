// SPDX-License-Identifier: Apache-2.0

/// What happens when a run is due while one of the same schedule is still busy.
package enum OverlapPolicy: Sendable, Equatable, CustomStringConvertible {
    /// The new run is left out.
    case skip
    /// The new run waits; beyond this many waiting ones it is left out.
    case queue(Int)
    /// The busy run is stopped in favour of the new one.
    case replace
    /// Up to this many are busy together, interleaved where they wait; beyond that the new run is left out.
    case parallel(Int)

    /// Reads `skip`, `replace`, `queue`, `queue(5)`, `parallel(3)`. Numbers run from 1 to 1,000; a bare `queue` is
    /// `queue(1)`, a bare `parallel` is `parallel(2)`.
    package init(_ text: some StringProtocol) throws(AutomationError) {
        var name = Substring(text)
        var number: Int?
        if let open = name.firstIndex(of: "("), name.last == ")" {
            let digits = name[name.index(after: open)...].dropLast()
            guard let value = Int(digits), (1...1000).contains(value) else { throw Self.fault(text) }
            number = value
            name = name[..<open]
        }
        switch (name, number) {
        case ("skip", nil): self = .skip
        case ("replace", nil): self = .replace
        case ("queue", _): self = .queue(number ?? 1)
        case ("parallel", _): self = .parallel(number ?? 2)
        default: throw Self.fault(text)
        }
    }

    package var description: String {
        switch self {
        case .skip: "skip"
        case .replace: "replace"
        case .queue(let count): "queue(\(count))"
        case .parallel(let count): "parallel(\(count))"
        }
    }

    private static func fault(_ text: some StringProtocol) -> AutomationError {
        AutomationError(.syntax, "overlap \"\(text.prefix(64))\" is not one of skip, replace, queue(n), parallel(n)")
    }
}

/// Decides, for one schedule, what becomes of a run that is due.
struct OverlapGate: Sendable {
    enum OnDue: Equatable {
        case start, skip, wait
        /// Stop the busy run; the new one starts when that has ended.
        case stopBusyAndWait
    }

    let policy: OverlapPolicy
    private(set) var busy = 0
    private(set) var waiting = 0

    init(policy: OverlapPolicy) { self.policy = policy }

    /// `start` and the waiting answers count the run in.
    mutating func due() -> OnDue {
        switch policy {
        case .parallel(let limit) where busy < limit, .queue(let limit) where busy == 0 && limit > 0:
            busy += 1
            return .start
        case .skip where busy == 0, .replace where busy == 0:
            busy += 1
            return .start
        case .queue(let limit) where waiting < limit:
            waiting += 1
            return .wait
        case .replace where waiting == 0:
            waiting += 1
            return .stopBusyAndWait
        default:
            return .skip
        }
    }

    /// A run that waits for its turn whatever the policy says: one of several that are made up for. Whether it starts now.
    mutating func dueInTurn() -> Bool {
        guard busy == 0 else {
            waiting += 1
            return false
        }
        busy += 1
        return true
    }

    /// A run has ended: whether one that waits is to be started now.
    mutating func ended() -> Bool {
        busy = max(0, busy - 1)
        guard waiting > 0 else { return false }
        waiting -= 1
        busy += 1
        return true
    }
}
