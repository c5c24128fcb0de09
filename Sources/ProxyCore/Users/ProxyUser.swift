// SPDX-License-Identifier: Apache-2.0
import Synchronization
package import XrayProtos

/// A user of an inbound, as the API gave it.
package struct ProxyUser: Sendable {
    package var email: String
    package var level: UInt32
    /// The account in its canonical form, as GetInboundUsers reports it; absent for a user that the API cannot change.
    package var account: Xray_Common_Serial_TypedMessage?
    /// Shared by all copies.
    package let standing = UserStanding()

    package init(email: String, level: UInt32, account: Xray_Common_Serial_TypedMessage? = nil) {
        self.email = email
        self.level = level
        self.account = account
    }

    package var message: Xray_Common_Protocol_User {
        var user = Xray_Common_Protocol_User()
        user.email = email
        user.level = level
        if let account { user.account = account }
        return user
    }
}

/// Whether a user is still one. A connection keeps the user that its header named: what it begins after the removal, such as a
/// further stream of a mux connection, is turned away by this. Thread-safe.
package final class UserStanding: Sendable {
    private let ended = Atomic<Bool>(false)

    package var isRemoved: Bool { ended.load(ordering: .acquiring) }

    package func remove() { ended.store(true, ordering: .releasing) }
}
