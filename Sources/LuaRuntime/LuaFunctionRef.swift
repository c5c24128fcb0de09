// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A function of a script that Swift holds on to. Any thread may hold and drop it; it is called on its state's thread.
package final class LuaFunctionRef: Sendable, Hashable {
    let reference: Int32
    let owner: ReleaseQueue

    init(reference: Int32, owner: ReleaseQueue) {
        self.reference = reference
        self.owner = owner
    }

    deinit { owner.release(reference) }

    package static func == (left: LuaFunctionRef, right: LuaFunctionRef) -> Bool { left === right }
    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// Registry references that were dropped on any thread, until the state's thread can free them.
final class ReleaseQueue: Sendable {
    private let pending = Mutex<[Int32]>([])
    private let hasPending = Atomic<Bool>(false)

    func release(_ reference: Int32) {
        pending.withLock { $0.append(reference) }
        hasPending.store(true, ordering: .releasing)
    }

    func take() -> [Int32] {
        guard hasPending.load(ordering: .acquiring) else { return [] }
        return pending.withLock { references in
            hasPending.store(false, ordering: .relaxed)
            defer { references = [] }
            return references
        }
    }
}
