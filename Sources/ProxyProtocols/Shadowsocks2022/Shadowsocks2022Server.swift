// SPDX-License-Identifier: Apache-2.0
import ControlAPI
package import ProxyCore
import ProxyModel
import Synchronization
import XrayProtos

/// The users of an inbound by the names of their keys.
package typealias Shadowsocks2022Users = KeyedUsers<AESBlock.Block, [UInt8]>

extension Shadowsocks2022Users {
    /// An empty table.
    package static func shadowsocks2022(_ method: Shadowsocks2022Method, scope: String) -> Shadowsocks2022Users {
        Shadowsocks2022Users(scope: scope) { account throws(ControlError) in
            guard case .shadowsocks2022(let account) = account else {
                throw ControlError("\(scope): account type is incorrect")
            }
            let key = try method.key(account.key, scope: scope)
            return (Shadowsocks2022Method.name(ofKey: key), key)
        }
    }
}

/// What all connections of an inbound share: its keys, and the salts that were seen lately so that nothing is served twice.
package final class Shadowsocks2022Server: Sendable {
    /// Whose requests are served.
    package enum Access: Sendable {
        /// Everybody with this key is this user.
        case one([UInt8], ProxyUser)
        /// The key of the port, which encrypts who the user is, and the users.
        case many([UInt8], Shadowsocks2022Users)

        /// The key of the port.
        var key: [UInt8] {
            switch self {
            case .one(let key, _), .many(let key, _): key
            }
        }
    }

    package let method: Shadowsocks2022Method
    package let access: Access
    package let now: Shadowsocks2022Clock.Now
    /// At least as long as a time stamp is accepted, to either side.
    private let salts = Mutex(RecentSet<[UInt8]>(lifetime: 60))

    package init(
        method: Shadowsocks2022Method, access: Access,
        now: @escaping Shadowsocks2022Clock.Now = Shadowsocks2022Clock.system
    ) {
        self.method = method
        self.access = access
        self.now = now
    }

    /// False when a genuine request with this salt came lately.
    func admit(_ salt: [UInt8]) -> Bool {
        let now = Int64(clamping: now())
        return salts.withLock { $0.insert(salt, now: now) }
    }
}
