// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation
package import NIOCore

/// AES-GCM or ChaCha20-Poly1305 under one key, with 12-byte nonces and 16-byte tags behind the ciphertext.
package struct AEADCipher: Sendable {
    package enum Algorithm: Sendable {
        /// The key's length chooses between AES-128 and AES-256.
        case aesGCM
        case chaChaPoly
    }

    package static let tagLength = 16

    private let algorithm: Algorithm
    private let key: SymmetricKey

    /// - Parameter key: 16 or 32 bytes for AES-GCM, 32 for ChaCha20-Poly1305; with others nothing can be opened or sealed.
    package init(_ algorithm: Algorithm, key: [UInt8]) {
        self.algorithm = algorithm
        self.key = SymmetricKey(data: key)
    }

    /// The plaintext. Throws `malformed` when the bytes were not sealed with this key, nonce and additional data.
    package func open(
        _ sealed: ByteBuffer, nonce: [UInt8], authenticating extra: [UInt8] = []
    ) throws(ProtocolError) -> ByteBuffer {
        let length = sealed.readableBytes - Self.tagLength
        guard length >= 0 else { throw ProtocolError(.malformed, "sealed bytes are shorter than their tag") }
        do {
            let plain = try sealed.withUnsafeReadableBytes { bytes in
                let text = UnsafeRawBufferPointer(rebasing: bytes[..<length])
                let tag = UnsafeRawBufferPointer(rebasing: bytes[length...])
                switch algorithm {
                case .aesGCM:
                    let box = try AES.GCM.SealedBox(nonce: .init(data: nonce), ciphertext: text, tag: tag)
                    return try AES.GCM.open(box, using: key, authenticating: extra)
                case .chaChaPoly:
                    let box = try ChaChaPoly.SealedBox(nonce: .init(data: nonce), ciphertext: text, tag: tag)
                    return try ChaChaPoly.open(box, using: key, authenticating: extra)
                }
            }
            return ByteBuffer(bytes: plain)
        } catch {
            throw ProtocolError(.malformed, "wrong tag")
        }
    }

    /// Writes the ciphertext and its tag. Throws for a key or nonce of a wrong length.
    package func seal(
        _ plain: ByteBuffer, nonce: [UInt8], authenticating extra: [UInt8] = [], into buffer: inout ByteBuffer
    ) throws(ProtocolError) {
        do {
            try plain.withUnsafeReadableBytes { bytes in
                switch algorithm {
                case .aesGCM:
                    let box = try AES.GCM.seal(bytes, using: key, nonce: .init(data: nonce), authenticating: extra)
                    buffer.writeBytes(box.ciphertext)
                    buffer.writeBytes(box.tag)
                case .chaChaPoly:
                    let box = try ChaChaPoly.seal(bytes, using: key, nonce: .init(data: nonce), authenticating: extra)
                    buffer.writeBytes(box.ciphertext)
                    buffer.writeBytes(box.tag)
                }
            }
        } catch {
            throw ProtocolError(.malformed, "cannot seal: \(error)")
        }
    }
}
