// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Synchronization

/// Users by credential and by e-mail, for protocols whose header names the user by a key.
///
/// One lock guards two dictionaries; it is held for a look-up or an insertion only (some 50 ns), so adding a user among
/// 100,000 costs the same as among ten, and a connection takes the lock once, at its header.
package final class UserTable<Key: Hashable & Sendable, Credential: Sendable>: Sendable {
    package struct Entry: Sendable {
        package let user: ProxyUser
        package let credential: Credential
    }

    private struct State {
        var byKey: [Key: Entry] = [:]
        var keysByEmail: [String: Key] = [:]
        var usersByEmail: [String: ProxyUser] = [:]
    }

    private let state = Mutex(State())
    /// The prefix of error texts, such as `proxy/vless`.
    private let scope: String

    package init(scope: String) {
        self.scope = scope
    }

    /// Adds a user. An e-mail is unique without regard to case; a key that is taken passes to the new user.
    package func add(_ user: ProxyUser, key: Key, credential: Credential) throws(ControlError) {
        let added = state.withLock { state in
            if !user.email.isEmpty {
                let name = user.email.lowercased()
                guard state.keysByEmail[name] == nil else { return false }
                state.keysByEmail[name] = key
                state.usersByEmail[name] = user
            }
            state.byKey[key] = Entry(user: user, credential: credential)
            return true
        }
        guard added else { throw ControlError("\(scope): User \(user.email) already exists.") }
    }

    package func remove(email: String) throws(ControlError) {
        guard !email.isEmpty else { throw ControlError("\(scope): Email must not be empty.") }
        let removed = state.withLock { state in
            let name = email.lowercased()
            guard let key = state.keysByEmail.removeValue(forKey: name) else { return false }
            state.usersByEmail[name] = nil
            state.byKey[key] = nil
            return true
        }
        guard removed else { throw ControlError("\(scope): User \(email) not found.") }
    }

    package func find(_ key: Key) -> Entry? {
        state.withLock { $0.byKey[key] }
    }

    package func user(email: String) -> ProxyUser? {
        state.withLock { $0.usersByEmail[email.lowercased()] }
    }

    package func all() -> [ProxyUser] {
        let users = state.withLock { $0.usersByEmail }
        return Array(users.values)
    }

    package var count: Int {
        state.withLock { $0.usersByEmail.count }
    }
}
