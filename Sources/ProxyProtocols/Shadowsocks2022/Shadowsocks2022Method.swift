// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Crypto
import Foundation
import ProxyCore

/// A method of the 2022 edition (SIP022), and the keys that it derives.
package enum Shadowsocks2022Method: String, Sendable, CaseIterable {
    case aes128GCM = "2022-blake3-aes-128-gcm"
    case aes256GCM = "2022-blake3-aes-256-gcm"
    case chaCha20Poly1305 = "2022-blake3-chacha20-poly1305"

    private static let sessions = BLAKE3.KeyDerivation(context: "shadowsocks 2022 session subkey")
    private static let identities = BLAKE3.KeyDerivation(context: "shadowsocks 2022 identity subkey")

    /// Bytes of a pre-shared key, and of a salt.
    package var keyLength: Int { self == .aes128GCM ? 16 : 32 }

    /// Several users on one port, and datagrams with an encrypted header in front.
    package var hasBlockCipher: Bool { self != .chaCha20Poly1305 }

    package static func named(_ name: String, scope: String) throws(ControlError) -> Self {
        guard let method = Self(rawValue: name) else { throw ControlError("\(scope): unsupported method \(name)") }
        return method
    }

    /// A pre-shared key from its base64 text. A longer one is hashed and cut, as others do.
    package func key(_ text: String, scope: String) throws(ControlError) -> [UInt8] {
        guard let data = Data(base64Encoded: text) else { throw ControlError("\(scope): the key is not base64") }
        guard data.count >= keyLength else {
            throw ControlError("\(scope): the key has \(data.count) bytes, \(rawValue) needs \(keyLength)")
        }
        return data.count == keyLength ? Array(data) : Array(SHA256.hash(data: data).prefix(keyLength))
    }

    /// The cipher of one direction of a connection, or of one session of datagrams, whose id is then the salt.
    package func session(key: [UInt8], salt: [UInt8]) -> AEADCipher {
        let subkey = Self.sessions.key(key + salt, count: keyLength)
        return AEADCipher(hasBlockCipher ? .aesGCM : .chaChaPoly, key: subkey)
    }

    /// Encrypts who a request's user is, under a key that all users have.
    package func identity(key: [UInt8], salt: [UInt8]) -> AESBlock {
        AESBlock(key: Self.identities.key(key + salt, count: keyLength))
    }

    /// What stands for a key inside an identity header.
    package static func name(ofKey key: [UInt8]) -> AESBlock.Block { AESBlock.Block(BLAKE3.hash(key, count: 16)) }
}

/// The clock of the 2022 edition.
package enum Shadowsocks2022Clock {
    /// How far the other side's clock may be off, in seconds.
    private static let tolerance: UInt64 = 30

    package typealias Now = @Sendable () -> UInt64

    /// Seconds since 1970.
    @Sendable package static func system() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }

    static func accepts(_ time: UInt64, now: UInt64) -> Bool {
        time <= now ? now - time <= tolerance : time - now <= tolerance
    }
}
