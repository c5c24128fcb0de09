// SPDX-License-Identifier: Apache-2.0
package import XrayProtos

/// A user of an inbound, as the API gave it.
package struct ProxyUser: Sendable {
    package var email: String
    package var level: UInt32
    /// The account in its canonical form, as GetInboundUsers reports it; absent for users that only a password file knows.
    package var account: Xray_Common_Serial_TypedMessage?

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
