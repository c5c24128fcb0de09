// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// The salts of the requests that a Shadowsocks inbound has served last, and of its answers: one that comes again is a replay (SIP004
/// asks servers to remember them; nothing in a request tells its time, nor that it is none).
///
/// Only salts of a user's requests come here, so garbage pushes none out. Between 262,144 and twice as many are kept, as a number of 64
/// bits under a key of the process: some 10 MB when it is full, and one lock for each connection's direction or datagram. Thread-safe.
package final class ShadowsocksSalts: Sendable {
    private struct State {
        var current: Set<Int> = []
        var previous: Set<Int> = []
    }

    private let capacity: Int
    private let state = Mutex(State())

    package init(capacity: Int = 262_144) {
        self.capacity = capacity
    }

    /// False when the salt is there already.
    func insert(_ salt: [UInt8]) -> Bool {
        let number = salt.hashValue
        return state.withLock { state in
            guard !state.previous.contains(number), state.current.insert(number).inserted else { return false }
            if state.current.count >= capacity {
                state.previous = state.current
                state.current = []
            }
            return true
        }
    }
}
