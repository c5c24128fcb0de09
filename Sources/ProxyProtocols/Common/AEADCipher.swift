// SPDX-License-Identifier: Apache-2.0
internal import CCryptoBoringSSL
package import NIOCore
package import ProxyCore

/// AES-GCM, ChaCha20-Poly1305 or XChaCha20-Poly1305 under one key, with 16-byte tags behind the ciphertext.
///
/// The key schedule is made once, and bytes go from one place to another without a buffer between. That is why this file
/// (with ``AESBlock`` and ``RandomBytes``) calls the BoringSSL inside swift-crypto and not swift-crypto's own functions:
/// those make the schedule anew and return `Data` for each chunk, which costs 1.3 µs for 64 bytes where this takes 0.13,
/// and three copies of the payload. Debian's OpenSSL 3.0 seals 8 KiB by AES-128-GCM in 1.9 µs, BoringSSL in 0.46.
///
/// Thread-safe: sealing and opening do not change the context.
package final class AEADCipher: @unchecked Sendable {  // see above
    package enum Algorithm: Sendable {
        /// The key's length chooses between AES-128 and AES-256. 12-byte nonces.
        case aesGCM
        /// 32-byte keys, 12-byte nonces.
        case chaChaPoly
        /// 32-byte keys, 24-byte nonces.
        case xChaChaPoly

        package var nonceLength: Int { self == .xChaChaPoly ? 24 : 12 }
    }

    package static let tagLength = 16

    /// This processor has instructions for AES; without them ChaCha20 is faster.
    package static var hasAESInstructions: Bool { CCryptoBoringSSL_EVP_has_aes_hardware() == 1 }

    private let context: UnsafeMutablePointer<EVP_AEAD_CTX>
    private let nonceLength: Int
    /// False for a key of a wrong length: nothing can be opened or sealed.
    private let isUsable: Bool

    /// - Parameter key: 16 or 32 bytes for AES-GCM, 32 for the others; with others nothing can be opened or sealed.
    package init(_ algorithm: Algorithm, key: [UInt8]) {
        let kind =
            switch algorithm {
            case .aesGCM:
                key.count == 16 ? CCryptoBoringSSL_EVP_aead_aes_128_gcm() : CCryptoBoringSSL_EVP_aead_aes_256_gcm()
            case .chaChaPoly: CCryptoBoringSSL_EVP_aead_chacha20_poly1305()
            case .xChaChaPoly: CCryptoBoringSSL_EVP_aead_xchacha20_poly1305()
            }
        nonceLength = algorithm.nonceLength
        context = .allocate(capacity: 1)
        CCryptoBoringSSL_EVP_AEAD_CTX_zero(context)
        isUsable = CCryptoBoringSSL_EVP_AEAD_CTX_init(context, kind, key, key.count, Self.tagLength, nil) == 1
        if !isUsable { CCryptoBoringSSL_ERR_clear_error() }
    }

    deinit {
        CCryptoBoringSSL_EVP_AEAD_CTX_cleanup(context)
        context.deallocate()
    }

    /// Opens ciphertext and tag; false when they were not sealed with this key, nonce and additional data.
    ///
    /// - Parameters:
    ///   - sealed: at least the 16 bytes of a tag; must not overlap `target`, unless it begins there.
    ///   - target: room for as many bytes as `sealed` has without its tag.
    func open(
        _ sealed: UnsafeRawBufferPointer, nonce: AEADNonce, authenticating extra: UnsafeRawBufferPointer? = nil,
        into target: UnsafeMutableRawPointer
    ) -> Bool {
        guard isUsable, sealed.count >= Self.tagLength else { return false }
        var length = 0
        let opened = nonce.withBytes { nonce in
            CCryptoBoringSSL_EVP_AEAD_CTX_open(
                context, target.assumingMemoryBound(to: UInt8.self), &length, sealed.count - Self.tagLength, nonce,
                nonceLength, sealed.assumingMemoryBound(to: UInt8.self).baseAddress, sealed.count,
                extra?.assumingMemoryBound(to: UInt8.self).baseAddress, extra?.count ?? 0)
        }
        // A forged chunk leaves an entry on this thread's list of errors.
        if opened != 1 { CCryptoBoringSSL_ERR_clear_error() }
        return opened == 1
    }

    /// Writes ciphertext and tag, 16 bytes more than `plain` has. False for a key of a wrong length.
    func seal(
        _ plain: UnsafeRawBufferPointer, nonce: AEADNonce, authenticating extra: UnsafeRawBufferPointer? = nil,
        into target: UnsafeMutableRawPointer
    ) -> Bool {
        guard isUsable else { return false }
        var length = 0
        return nonce.withBytes { nonce in
            CCryptoBoringSSL_EVP_AEAD_CTX_seal(
                context, target.assumingMemoryBound(to: UInt8.self), &length, plain.count + Self.tagLength, nonce,
                nonceLength, plain.assumingMemoryBound(to: UInt8.self).baseAddress, plain.count,
                extra?.assumingMemoryBound(to: UInt8.self).baseAddress, extra?.count ?? 0) == 1
        }
    }
}

extension AEADCipher {
    /// The plaintext. Throws `malformed` when the bytes were not sealed with this key, nonce and additional data.
    package func open(
        _ sealed: ByteBuffer, nonce: AEADNonce, authenticating extra: [UInt8] = []
    ) throws(ProtocolError) -> ByteBuffer {
        let length = sealed.readableBytes - Self.tagLength
        guard length >= 0 else { throw ProtocolError(.malformed, "sealed bytes are shorter than their tag") }
        var plain = ByteBufferAllocator().buffer(capacity: max(1, length))
        var opened = false
        plain.writeWithUnsafeMutableBytes(minimumWritableBytes: max(1, length)) { target in
            guard let base = target.baseAddress else { return 0 }
            opened = sealed.withUnsafeReadableBytes { sealed in
                extra.withUnsafeBytes { open(sealed, nonce: nonce, authenticating: $0, into: base) }
            }
            return opened ? length : 0
        }
        guard opened else { throw ProtocolError(.malformed, "wrong tag") }
        return plain
    }

    /// Writes the ciphertext and its tag. Throws for a key of a wrong length.
    package func seal(
        _ plain: ByteBuffer, nonce: AEADNonce, authenticating extra: [UInt8] = [], into buffer: inout ByteBuffer
    ) throws(ProtocolError) {
        let length = plain.readableBytes + Self.tagLength
        var sealed = false
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { target in
            guard let base = target.baseAddress else { return 0 }
            sealed = plain.withUnsafeReadableBytes { plain in
                extra.withUnsafeBytes { seal(plain, nonce: nonce, authenticating: $0, into: base) }
            }
            return sealed ? length : 0
        }
        guard sealed else { throw ProtocolError(.malformed, "a key of a wrong length") }
    }
}
