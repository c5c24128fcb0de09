// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import XrayProtos

/// A Trojan password as it travels: 56 lower-case hexadecimal digits of its SHA-224.
package struct TrojanKey: Sendable, Hashable {
    package static let length = 56

    private let digits: [UInt8]

    package init(password: String) {
        let alphabet = Array("0123456789abcdef".utf8)
        digits = SHA224.hash(password.utf8).flatMap { [alphabet[Int($0 >> 4)], alphabet[Int($0 & 15)]] }
    }

    /// The key in a request; nil for another number of bytes. Digits in upper case make another key.
    package init?(digits: some Collection<UInt8>) {
        guard digits.count == Self.length else { return nil }
        self.digits = Array(digits)
    }

    package var bytes: [UInt8] { digits }
}

package typealias TrojanUsers = KeyedUsers<TrojanKey, Void>

extension TrojanUsers {
    /// An empty table.
    package static func trojan() -> TrojanUsers {
        TrojanUsers(scope: "proxy/trojan") { account throws(ControlError) in
            guard case .trojan(let account) = account else {
                throw ControlError("proxy/trojan: account type is incorrect")
            }
            return (TrojanKey(password: account.password), ())
        }
    }
}
