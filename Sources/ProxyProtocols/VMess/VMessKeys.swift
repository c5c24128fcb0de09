// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation
package import ProxyModel

/// Key derivation of VMess with AEAD headers.
package enum VMessKeys {
    /// The key of a user: MD5 of the id and a constant.
    package static func command(_ id: UserID) -> [UInt8] {
        Array(Insecure.MD5.hash(data: id.bytes + Array("c48619fe-8f02-49e0-b9e9-edf763e17e21".utf8)))
    }

    /// 32 bytes: a chain of HMACs, each with the one before it as its hash. `key` is the message, the elements of `path`
    /// are the HMAC keys. See ``NestedHMAC``.
    package static func derive(_ key: [UInt8], _ path: [[UInt8]]) -> [UInt8] {
        NestedHMAC.code(for: key, keys: path)
    }

    package static func derive(_ key: [UInt8], _ label: String, _ path: [UInt8]...) -> [UInt8] {
        NestedHMAC.code(for: key, keys: [Array(label.utf8)] + path)
    }

    /// What seals the length (`part` "_Length") or the rest (`part` "") of a request's header.
    static func header(
        _ part: String, _ commandKey: [UInt8], _ identifier: [UInt8], _ nonce: [UInt8]
    ) -> (cipher: AEADCipher, nonce: AEADNonce) {
        let label = "VMess Header AEAD"
        let key = derive(commandKey, "\(label) Key\(part)", identifier, nonce)
        let iv = derive(commandKey, "\(label) Nonce\(part)", identifier, nonce)
        return (AEADCipher(.aesGCM, key: Array(key.prefix(16))), AEADNonce(iv.prefix(12)))
    }

    /// The 32-byte ChaCha20-Poly1305 key that a 16-byte key stands for.
    package static func chaCha(_ key: [UInt8]) -> [UInt8] {
        let first = Array(Insecure.MD5.hash(data: key))
        return first + Array(Insecure.MD5.hash(data: first))
    }

    /// The first 16 bytes of SHA-256: a response's key and IV from the request's.
    package static func response(_ value: [UInt8]) -> [UInt8] {
        Array(SHA256.hash(data: value).prefix(16))
    }
}

/// CRC-32 of IEEE 802.3.
package enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xedb8_8320 }
    }

    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max, step)
    }

    /// The checksum of the first 12 bytes of two big-endian halves.
    package static func checksum(high: UInt64, low: UInt64) -> UInt32 {
        var value = UInt32.max
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            value = step(value, UInt8(truncatingIfNeeded: high >> shift))
        }
        for shift in stride(from: UInt64(56), through: 32, by: -8) {
            value = step(value, UInt8(truncatingIfNeeded: low >> shift))
        }
        return ~value
    }

    private static func step(_ value: UInt32, _ byte: UInt8) -> UInt32 {
        value >> 8 ^ table[Int(UInt8(truncatingIfNeeded: value) ^ byte)]
    }
}

/// FNV-1a, 32 bits.
package enum FNV1a {
    package static func hash(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(0x811c_9dc5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }
}
