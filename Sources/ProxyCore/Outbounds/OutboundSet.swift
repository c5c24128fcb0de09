// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Synchronization

/// The outbounds by tag, and which of them is the default.
///
/// Read once per connection: one lock around a dictionary look-up. The first outbound is the default; when the default is
/// removed there is none until the next one is added.
final class OutboundSet: Sendable {
    private struct State {
        var byTag: [String: Outbound] = [:]
        var untagged: [Outbound] = []
        var order: [String] = []
        var defaultOutbound: Outbound?
    }

    private let state = Mutex(State())

    /// Called with all tags, in the order in which they were added, after each change.
    let onChange: @Sendable ([String]) -> Void

    init(onChange: @escaping @Sendable ([String]) -> Void) {
        self.onChange = onChange
    }

    func find(_ tag: String) -> Outbound? {
        state.withLock { $0.byTag[tag] }
    }

    var defaultOutbound: Outbound? {
        state.withLock { $0.defaultOutbound }
    }

    func add(_ outbound: Outbound) throws(ControlError) {
        let tags = state.withLock { state -> [String]? in
            if outbound.tag.isEmpty {
                state.untagged.append(outbound)
            } else {
                guard state.byTag[outbound.tag] == nil else { return nil }
                state.byTag[outbound.tag] = outbound
                state.order.append(outbound.tag)
            }
            if state.defaultOutbound == nil { state.defaultOutbound = outbound }
            return state.order
        }
        guard let tags else {
            throw ControlError("app/proxyman/outbound: existing tag found: \(outbound.tag)")
        }
        onChange(tags)
    }

    /// Takes an outbound out; running flows keep it. Nil when there is none of that tag.
    @discardableResult
    func remove(_ tag: String) -> Outbound? {
        let (removed, tags) = state.withLock { state -> (Outbound?, [String]) in
            let removed = state.byTag.removeValue(forKey: tag)
            state.order.removeAll { $0 == tag }
            if let removed, state.defaultOutbound === removed { state.defaultOutbound = nil }
            return (removed, state.order)
        }
        if removed != nil { onChange(tags) }
        return removed
    }

    /// Untagged ones first, then the tagged ones in the order in which they were added.
    var all: [Outbound] {
        state.withLock { state in
            state.untagged + state.order.compactMap { state.byTag[$0] }
        }
    }
}
