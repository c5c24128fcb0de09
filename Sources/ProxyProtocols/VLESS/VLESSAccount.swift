// SPDX-License-Identifier: Apache-2.0
import ControlAPI
package import ProxyModel
import XrayProtos

/// What the VLESS inbound keeps of a user besides the id.
package struct VLESSCredential: Sendable {
    /// The account's flow is `xtls-rprx-vision`; every other text, and a lone NUL byte, means none.
    package let wantsVision: Bool
}

package typealias VLESSUsers = KeyedUsers<UserID, VLESSCredential>

extension VLESSUsers {
    /// An empty table. Ids are compared without bytes 6 and 7, which a client may use to mark its requests for rules.
    package static func vless() -> VLESSUsers {
        VLESSUsers(scope: "proxy/vless") { account throws(ControlError) in
            guard case .vless(let account, let id) = account else {
                throw ControlError("proxy/vless: account type is incorrect")
            }
            return (id.withoutRoute, VLESSCredential(wantsVision: account.flow == VLESS.visionFlow))
        }
    }
}

extension UserID {
    /// The id with bytes 6 and 7 zeroed.
    package var withoutRoute: UserID { UserID(high: high & ~0xffff, low: low) }

    /// Bytes 6 and 7.
    package var route: UInt16 { UInt16(truncatingIfNeeded: high) }
}
