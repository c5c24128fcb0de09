// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import XrayProtos

/// The users of an inbound whose requests carry a key, open to the API.
package final class KeyedUsers<Key: Hashable & Sendable, Credential: Sendable>: UserManaging {
    package typealias Reading =
        @Sendable (ProxyAccount) throws(ControlError) -> (key: Key, credential: Credential)

    private let table: UserTable<Key, Credential>
    private let reading: Reading

    /// - Parameters:
    ///   - scope: the prefix of error texts, such as `proxy/vless`.
    ///   - reading: an account's key and what the protocol needs of it; throws for another protocol's account.
    package init(scope: String, reading: @escaping Reading) {
        table = UserTable(scope: scope)
        self.reading = reading
    }

    package func add(_ user: Xray_Common_Protocol_User) throws(ControlError) {
        try add(ParsedUser.fromAPI(user))
    }

    package func add(_ user: ParsedUser) throws(ControlError) {
        let (key, credential) = try reading(user.account)
        try table.add(user.user(), key: key, credential: credential)
    }

    /// Adds a user of the configuration, whose e-mail another one may have in another case.
    package func keep(_ user: ProxyUser, key: Key, credential: Credential) {
        table.keep(user, key: key, credential: credential)
    }

    package func remove(email: String) throws(ControlError) {
        try table.remove(email: email)
    }

    package func find(_ key: Key) -> UserTable<Key, Credential>.Entry? { table.find(key) }
    package func user(email: String) -> ProxyUser? { table.user(email: email) }
    package func all() -> [ProxyUser] { table.all() }
    package var count: Int { table.count }
}
