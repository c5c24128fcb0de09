// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Synchronization

/// Users by credential and by e-mail, for protocols whose header names the user by a key.
///
/// Two locks, so that the data path never waits for the API: a connection takes the one around the keys, once, at its header
/// (some 50 ns); a change takes that one for a single insertion or removal, and a list of all users, which makes the
/// dictionary that it reads be copied by the next change, only touches what the other one guards.
package final class UserTable<Key: Hashable & Sendable, Credential: Sendable>: Sendable {
    package struct Entry: Sendable {
        package let user: ProxyUser
        package let credential: Credential
    }

    private struct Named {
        let key: Key
        let user: ProxyUser
    }

    /// By e-mail in lower case; changes hold it from beginning to end.
    private let named = Mutex<[String: Named]>([:])
    private let entries = Mutex<[Key: Entry]>([:])
    /// The prefix of error texts, such as `proxy/vless`.
    private let scope: String

    package init(scope: String) {
        self.scope = scope
    }

    /// Adds a user. An e-mail is unique without regard to case; a key that is taken passes to the new user.
    package func add(_ user: ProxyUser, key: Key, credential: Credential) throws(ControlError) {
        let added = named.withLock { named in
            if !user.email.isEmpty {
                let name = user.email.lowercased()
                guard named[name] == nil else { return false }
                named[name] = Named(key: key, user: user)
            }
            entries.withLock { $0[key] = Entry(user: user, credential: credential) }
            return true
        }
        guard added else { throw ControlError("\(scope): User \(user.email) already exists.") }
    }

    /// Adds a user whom the key alone makes one: if the e-mail is taken, the API knows it as the other user's.
    package func keep(_ user: ProxyUser, key: Key, credential: Credential) {
        named.withLock { named in
            let name = user.email.lowercased()
            if !name.isEmpty, named[name] == nil { named[name] = Named(key: key, user: user) }
            entries.withLock { $0[key] = Entry(user: user, credential: credential) }
        }
    }

    package func remove(email: String) throws(ControlError) {
        guard !email.isEmpty else { throw ControlError("\(scope): Email must not be empty.") }
        let removed = named.withLock { named in
            guard let user = named.removeValue(forKey: email.lowercased()) else { return false }
            user.user.standing.remove()
            entries.withLock { entries in
                // The key may have passed to another user since.
                guard entries[user.key]?.user.standing === user.user.standing else { return }
                entries[user.key] = nil
            }
            return true
        }
        guard removed else { throw ControlError("\(scope): User \(email) not found.") }
    }

    package func find(_ key: Key) -> Entry? {
        entries.withLock { $0[key] }
    }

    package func user(email: String) -> ProxyUser? {
        named.withLock { $0[email.lowercased()]?.user }
    }

    package func all() -> [ProxyUser] {
        let users = named.withLock { $0 }
        return users.values.map(\.user)
    }

    package var count: Int {
        named.withLock { $0.count }
    }
}
