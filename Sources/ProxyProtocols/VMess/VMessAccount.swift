// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import ProxyModel
import Synchronization
package import XrayProtos

/// A user of a VMess inbound with the keys that do not change from request to request.
package final class VMessUser: Sendable {
    package let user: ProxyUser
    package let id: UserID
    package let commandKey: [UInt8]
    /// The AES-128 key of the identifiers in front of this user's requests.
    package let identifierKey: [UInt8]

    package init(user: ProxyUser, id: UserID) {
        self.user = user
        self.id = id
        commandKey = VMessKeys.command(id)
        identifierKey = Array(VMessKeys.derive(commandKey, "AES Auth ID Encryption").prefix(16))
    }
}

/// The users of a VMess inbound. A request is matched against the users in turn, so the table is a list, which a
/// handshake takes as a snapshot; a user without an e-mail is listed and counted, and cannot be removed.
///
/// An identifier holds random bytes under a key of the user's own, so there is nothing to look up: a source's last user is
/// tried first, and then everybody, one AES block each.
package final class VMessUsers: UserManaging {
    package struct Snapshot: Sendable {
        package fileprivate(set) var users: [VMessUser] = []
        /// The identifier keys, in the order of `users`.
        package fileprivate(set) var keys = AESKeyList()
    }

    private struct State {
        var table = Snapshot()
        /// Where a user is, by lower-case e-mail.
        var positions: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let scope = "proxy/vmess/inbound"

    package init() {}

    package func add(_ user: Xray_Common_Protocol_User) throws(ControlError) {
        try add(ParsedUser.fromAPI(user))
    }

    package func add(_ user: ParsedUser) throws(ControlError) {
        guard case .vmess(_, let id) = user.account else { throw ControlError("\(scope): account type is incorrect") }
        let added = VMessUser(user: try user.user(), id: id)
        let name = user.email.lowercased()
        let isNew = state.withLock { state in
            if !name.isEmpty {
                guard state.positions[name] == nil else { return false }
                state.positions[name] = state.table.users.count
            }
            state.table.users.append(added)
            state.table.keys.append(added.identifierKey)
            return true
        }
        guard isNew else { throw ControlError("\(scope): User \(user.email) already exists.") }
    }

    /// The last user takes the place of the removed one.
    package func remove(email: String) throws(ControlError) {
        guard !email.isEmpty else { throw ControlError("\(scope): Email must not be empty.") }
        let removed = state.withLock { state in
            guard let position = state.positions.removeValue(forKey: email.lowercased()),
                let last = state.table.users.popLast()
            else { return false }
            state.table.keys.swapRemove(at: position)
            (position < state.table.users.count ? state.table.users[position] : last).user.standing.remove()
            if position < state.table.users.count {
                state.table.users[position] = last
                if !last.user.email.isEmpty { state.positions[last.user.email.lowercased()] = position }
            }
            return true
        }
        guard removed else { throw ControlError("\(scope): User \(email) not found.") }
    }

    package func user(email: String) -> ProxyUser? {
        state.withLock { state in state.positions[email.lowercased()].map { state.table.users[$0].user } }
    }

    package func all() -> [ProxyUser] { snapshot.users.map(\.user) }
    package var count: Int { state.withLock { $0.table.users.count } }
    package var snapshot: Snapshot { state.withLock { $0.table } }
}
