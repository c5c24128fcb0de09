// SPDX-License-Identifier: Apache-2.0
import Foundation
package import ProxyModel
import Synchronization

/// What all connections of a VMess inbound share: the users, and what was seen lately so that nothing is served twice.
package final class VMessServer: Sendable {
    /// How far a request's clock may be off, in seconds.
    private static let clockTolerance: Int64 = 120

    private struct SessionKey: Hashable {
        let id: UserID
        let key: [UInt8]
        let iv: [UInt8]
    }

    /// A request is taken from as long before its time stamp as after it.
    private struct Seen {
        var identifiers = RecentSet<AESBlock.Block>(lifetime: 2 * clockTolerance)
        var sessions = RecentSet<SessionKey>(lifetime: 2 * clockTolerance)
    }

    package enum Match {
        case user(VMessUser)
        case refused(String)
    }

    package let users: VMessUsers
    private let now: @Sendable () -> Int64
    private let seen = Mutex(Seen())
    private let hints = SourceHints()
    private let budget: SearchBudget
    package let drain = DrainLength()

    /// Keys that are tried in the time that the budget counts as one key, about 1 µs.
    private static let keysPerUnit = 90

    /// - Parameter now: seconds since 1970.
    package convenience init(
        users: VMessUsers, now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    ) {
        self.init(users: users, budget: SearchBudget(.vmess), now: now)
    }

    init(users: VMessUsers, budget: SearchBudget, now: @escaping @Sendable () -> Int64) {
        self.users = users
        self.budget = budget
        self.now = now
    }

    /// Whose request begins with these 16 bytes; to be asked once for each request, since it remembers them.
    ///
    /// A source that was served before costs one AES block, or a few where several users share it. Otherwise each user costs one, of
    /// which all but one in 16 million are told wrong by the upper bits of the time stamp alone: 110 µs for 10,000 users whose keys
    /// are in no cache yet, and as much for garbage, as long as the ``SearchBudget`` lasts.
    package func match(_ identifier: AESBlock.Block, from source: IPAddress? = nil) -> Match {
        let table = users.snapshot
        let hinted = source.map { hints.positions(Endpoint(ip: $0, port: 0)) } ?? []
        let position: Int
        let plain: AESBlock.Block
        if let found = table.keys.find(identifier, among: hinted, where: Self.isGenuine) {
            (position, plain) = found
        } else {
            guard budget.admits(source) else { return .refused("too many requests of unknown users") }
            guard let found = table.keys.find(identifier, where: Self.isGenuine) else {
                budget.spend(max(1, table.users.count / Self.keysPerUnit), by: source)
                return .refused("unknown user")
            }
            (position, plain) = found
        }
        guard position < table.users.count else { return .refused("unknown user") }
        let time = Int64(plain.high)
        let now = now()
        guard time >= now - Self.clockTolerance, time <= now + Self.clockTolerance else {
            return .refused("wrong time")
        }
        if let source, position != hinted.first { hints.remember(position, for: source) }
        let isNew = seen.withLock { $0.identifiers.insert(identifier, now: now) }
        return isNew ? .user(table.users[position]) : .refused("replayed request")
    }

    private static func isGenuine(_ plain: AESBlock.Block) -> Bool {
        plain.high >> 40 == 0
            && UInt32(truncatingIfNeeded: plain.low) == CRC32.checksum(high: plain.high, low: plain.low)
    }

    /// False when a request with these keys came lately.
    package func admit(_ id: UserID, key: [UInt8], iv: [UInt8]) -> Bool {
        let now = now()
        return seen.withLock { $0.sessions.insert(SessionKey(id: id, key: key, iv: iv), now: now) }
    }
}

extension SearchBudget.Limits {
    /// What garbage costs is little beside the connection that it comes on, unless there are very many users: more of it is looked at than
    /// of Shadowsocks' before strangers are turned away. All of an event loop's time, and a tenth for one source: 9,000 and 900 searches a
    /// second through 10,000 users.
    fileprivate static var vmess: Self {
        Self(perSecond: 1_000_000, atOnce: 2_000_000, perSecondOfSource: 100_000, atOnceOfSource: 400_000)
    }
}
