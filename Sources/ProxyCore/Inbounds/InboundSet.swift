// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Synchronization

/// The inbounds by tag. A tag is reserved while its inbound is being opened, so that two requests cannot both open it and
/// an inbound that cannot bind leaves nothing behind.
final class InboundSet: Sendable {
    private struct State {
        var byTag: [String: Inbound] = [:]
        var untagged: [Inbound] = []
        var order: [String] = []
        var reserved: Set<String> = []
    }

    private let state = Mutex(State())

    func find(_ tag: String) -> Inbound? {
        state.withLock { $0.byTag[tag] }
    }

    func reserve(_ tag: String) throws(ControlError) {
        guard !tag.isEmpty else { return }
        let isFree = state.withLock { state in
            state.byTag[tag] == nil && state.reserved.insert(tag).inserted
        }
        guard isFree else { throw ControlError("app/proxyman/inbound: existing tag found: \(tag)") }
    }

    func release(_ tag: String) {
        state.withLock { _ = $0.reserved.remove(tag) }
    }

    /// Puts a reserved inbound into use.
    func publish(_ inbound: Inbound) {
        state.withLock { state in
            guard !inbound.tag.isEmpty else {
                state.untagged.append(inbound)
                return
            }
            state.reserved.remove(inbound.tag)
            state.byTag[inbound.tag] = inbound
            state.order.append(inbound.tag)
        }
    }

    func remove(_ tag: String) -> Inbound? {
        state.withLock { state in
            state.order.removeAll { $0 == tag }
            return state.byTag.removeValue(forKey: tag)
        }
    }

    /// Puts inbounds into use and takes others out. One that has the tag of another takes its place, which is told if it was not to be
    /// taken out.
    func replace(_ old: [Inbound], by new: [Inbound]) -> [Inbound] {
        state.withLock { state in
            state.untagged.removeAll { inbound in old.contains { $0 === inbound } }
            let tags = Set(new.map(\.tag))
            for inbound in old where !inbound.tag.isEmpty && state.byTag[inbound.tag] === inbound {
                state.byTag[inbound.tag] = nil
                if !tags.contains(inbound.tag) { state.order.removeAll { $0 == inbound.tag } }
            }
            var displaced: [Inbound] = []
            for inbound in new {
                guard !inbound.tag.isEmpty else {
                    state.untagged.append(inbound)
                    continue
                }
                if let other = state.byTag.updateValue(inbound, forKey: inbound.tag) { displaced.append(other) }
                if !state.order.contains(inbound.tag) { state.order.append(inbound.tag) }
            }
            return displaced
        }
    }

    /// Untagged ones first, then the tagged ones in the order in which they were added.
    var all: [Inbound] {
        state.withLock { state in
            state.untagged + state.order.compactMap { state.byTag[$0] }
        }
    }
}
