// SPDX-License-Identifier: Apache-2.0
internal import CCryptoBoringSSL
import Crypto
import Foundation
package import XrayProtos

/// An AEAD method of Shadowsocks (SIP004) and its keys.
package enum ShadowsocksCipher: Sendable, CaseIterable {
    case aes128GCM
    case aes256GCM
    case chaCha20Poly1305
    case xChaCha20Poly1305

    /// Nil for a type that does not exist.
    package init?(_ type: Xray_Proxy_Shadowsocks_CipherType) {
        switch type {
        case .aes128Gcm: self = .aes128GCM
        case .aes256Gcm: self = .aes256GCM
        case .chacha20Poly1305: self = .chaCha20Poly1305
        case .xchacha20Poly1305: self = .xChaCha20Poly1305
        default: return nil
        }
    }

    private static let info = Array("ss-subkey".utf8)

    /// Bytes of the key, and of the salt.
    package var keyLength: Int { self == .aes128GCM ? 16 : 32 }

    private var algorithm: AEADCipher.Algorithm {
        switch self {
        case .aes128GCM, .aes256GCM: .aesGCM
        case .chaCha20Poly1305: .chaChaPoly
        case .xChaCha20Poly1305: .xChaChaPoly
        }
    }

    /// The key that a password stands for: OpenSSL's EVP_BytesToKey with MD5, one round and no salt.
    package func masterKey(password: String) -> [UInt8] {
        var key: [UInt8] = []
        var digest: [UInt8] = []
        while key.count < keyLength {
            digest = Array(Insecure.MD5.hash(data: digest + Array(password.utf8)))
            key += digest
        }
        return Array(key.prefix(keyLength))
    }

    /// The cipher of one direction of a connection, or of one datagram.
    package func session(masterKey: [UInt8], salt: [UInt8]) -> AEADCipher {
        // BoringSSL's own function, which makes no objects on the heap for its steps: a connection of an unknown source is
        // tried with every user's key.
        let key = [UInt8](unsafeUninitializedCapacity: keyLength) { key, count in
            count = keyLength
            CCryptoBoringSSL_HKDF(
                key.baseAddress, keyLength, CCryptoBoringSSL_EVP_sha1(), masterKey, masterKey.count, salt, salt.count,
                Self.info, Self.info.count)
        }
        return AEADCipher(algorithm, key: key)
    }
}
