// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import NIOCore
package import ProxyCore
import ProxyModel
import Synchronization
package import XrayProtos

/// A user of a Shadowsocks inbound with the key of the password.
package struct ShadowsocksUser: Sendable {
    package let user: ProxyUser
    package let cipher: ShadowsocksCipher
    package let masterKey: [UInt8]
}

/// The users of a Shadowsocks inbound: a list that a request is tried against in order.
///
/// As in Xray an e-mail may be there several times, and a removal takes one of them. Look-ups by e-mail walk the list. A
/// connection or datagram is tried with the last users of its source first, and then with everybody's key, as long as the
/// ``SearchBudget`` lasts.
package final class ShadowsocksUsers: UserManaging {
    private let state = Mutex<[ShadowsocksUser]>([])
    private let scope = "proxy/shadowsocks"
    private let hints = SourceHints()
    private let connections: SearchBudget
    /// Apart: anybody can send some datagrams a second under as many addresses, and would keep new clients from connecting by that.
    private let datagrams: SearchBudget

    package convenience init() {
        self.init(connections: SearchBudget())
    }

    init(connections: SearchBudget = SearchBudget(), datagrams: SearchBudget = SearchBudget()) {
        self.connections = connections
        self.datagrams = datagrams
    }

    enum Search<Value> {
        case found(ShadowsocksUser, Value)
        /// Why nobody was found.
        case nobody(String)
    }

    /// The first user for whom `isRight` answers a value, and that value; the last ones of this source are asked first.
    ///
    /// A source whose user is among those costs a key or a few. Otherwise every user's key is tried, until one is right: 8 to 10 ms
    /// of an event loop for garbage at 10,000 users (one key about 1 µs: HKDF-SHA1, key schedule, tag), and half of that for the average user.
    /// - Parameter source: Port 0 for a connection's: the next one has another port.
    func find<Value>(from source: Endpoint?, where isRight: (ShadowsocksUser) -> Value?) -> Search<Value> {
        let users = snapshot
        let hinted = source.map(hints.positions) ?? []
        for (order, position) in hinted.enumerated() where users.indices.contains(position) {
            guard let value = isRight(users[position]) else { continue }
            // Otherwise it would be first already.
            if order > 0, let source { hints.remember(position, for: source) }
            return .found(users[position], value)
        }
        let budget = source?.port ?? 0 == 0 ? connections : datagrams
        guard budget.admits(source?.ip) else { return .nobody("too many requests of unknown users") }
        for (position, user) in users.enumerated() where !hinted.contains(position) {
            guard let value = isRight(user) else { continue }
            if let source { hints.remember(position, for: source) }
            return .found(user, value)
        }
        budget.spend(users.count, by: source?.ip)
        return .nobody("unknown user")
    }

    package func add(_ user: Xray_Common_Protocol_User) throws(ControlError) {
        try add(ParsedUser.fromAPI(user))
    }

    package func add(_ user: ParsedUser) throws(ControlError) {
        guard case .shadowsocks(let account) = user.account else {
            throw ControlError("\(scope): account type is incorrect")
        }
        guard let cipher = ShadowsocksCipher(account.cipherType) else {
            throw ControlError("\(scope): failed to get cipher > \(scope): Unsupported cipher.")
        }
        let added = ShadowsocksUser(
            user: try user.user(), cipher: cipher, masterKey: cipher.masterKey(password: account.password))
        state.withLock { $0.append(added) }
    }

    /// The last user takes the place of the removed one. The e-mail in the error is in lower case, as Xray's is.
    package func remove(email: String) throws(ControlError) {
        guard !email.isEmpty else { throw ControlError("\(scope): Email must not be empty.") }
        let name = email.lowercased()
        let removed = state.withLock { users in
            guard let position = users.firstIndex(where: { $0.user.email.lowercased() == name }),
                let last = users.popLast()
            else { return false }
            (position < users.count ? users[position] : last).user.standing.remove()
            if position < users.count { users[position] = last }
            return true
        }
        guard removed else { throw ControlError("\(scope): User \(name) not found.") }
    }

    package func user(email: String) -> ProxyUser? {
        let name = email.lowercased()
        return snapshot.first { $0.user.email.lowercased() == name }?.user
    }

    package func all() -> [ProxyUser] { snapshot.map(\.user) }
    package var count: Int { state.withLock { $0.count } }
    package var snapshot: [ShadowsocksUser] { state.withLock { $0 } }
}
