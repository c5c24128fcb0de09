// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Synchronization

/// The outbounds by tag, and which of them is the default.
///
/// Read once per connection: one lock around a dictionary look-up. The first outbound is the default; when the default is
/// removed there is none until the next one is added.
final class OutboundSet: Sendable {
    /// The outbounds of one moment.
    struct State {
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

    /// - Throws: When the tag is taken, and when the outbound would be carried, by way of others, by itself.
    func add(_ outbound: Outbound) throws(ControlError) {
        if let circle = state.withLock({ Self.circle(of: outbound, in: $0.byTag) }) {
            throw Self.circleError(circle)
        }
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

    /// Puts outbounds in use, in the place of those that have their tags; the API's own is not replaced. Gives what was before.
    /// - Throws: When an outbound would be carried, by way of others, by itself; nothing is changed then.
    func put(_ outbounds: [Outbound]) throws(ControlError) -> State {
        let (before, tags) = try state.withLock { (state) throws(ControlError) -> (State, [String]) in
            let before = state
            var after = state
            for outbound in outbounds {
                guard !outbound.tag.isEmpty else {
                    after.untagged.append(outbound)
                    continue
                }
                let old = after.byTag[outbound.tag]
                if let old, old.config == nil { continue }
                after.byTag[outbound.tag] = outbound
                if old == nil { after.order.append(outbound.tag) }
                if let old, after.defaultOutbound === old { after.defaultOutbound = outbound }
            }
            for outbound in outbounds {
                if let circle = Self.circle(of: outbound, in: after.byTag) { throw Self.circleError(circle) }
            }
            if after.defaultOutbound == nil { after.defaultOutbound = outbounds.first }
            state = after
            return (before, after.order)
        }
        onChange(tags)
        return before
    }

    /// Puts everything back as it was.
    func restore(_ before: State) {
        state.withLock { $0 = before }
        onChange(before.order)
    }

    /// Takes outbounds out, puts the others into an order as far as it names them, and makes the one given the default.
    func remove(_ old: [Outbound], order: [String], newDefault: Outbound?) {
        let tags = state.withLock { state in
            state.untagged.removeAll { outbound in old.contains { $0 === outbound } }
            for outbound in old where state.byTag[outbound.tag] === outbound { state.byTag[outbound.tag] = nil }
            let known = Set(order)
            state.order = (order + state.order.filter { !known.contains($0) }).filter { state.byTag[$0] != nil }
            if let outbound = state.defaultOutbound, old.contains(where: { $0 === outbound }) {
                state.defaultOutbound = nil
            }
            state.defaultOutbound = newDefault ?? state.defaultOutbound
            return state.order
        }
        onChange(tags)
    }

    private static func circleError(_ circle: [String]) -> ControlError {
        ControlError(
            "app/proxyman/outbound: the outbounds carry each other in a circle: \(circle.joined(separator: " -> "))")
    }

    /// The tags on the way from an outbound over those that carry it back to itself; nil when it does not lead there.
    private static func circle(of outbound: Outbound, in byTag: [String: Outbound]) -> [String]? {
        guard !outbound.tag.isEmpty else { return nil }
        var tags = [outbound.tag]
        var next = outbound.transport.carrierTag
        while let tag = next, tags.count <= byTag.count + 1 {
            tags.append(tag)
            if tag == outbound.tag { return tags }
            next = byTag[tag]?.transport.carrierTag
        }
        return nil
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
