// SPDX-License-Identifier: Apache-2.0
import Crypto
import CryptoExtras
import Foundation
import NIOCore

/// What protects a client's Initial packets: keys that follow from the connection id that the client chose (RFC 9001
/// section 5.2). They hide nothing; they only keep packets from being mistaken.
struct QUICInitialKeys: Sendable {
    private let header: SymmetricKey
    private let packet: SymmetricKey
    private let iv: [UInt8]

    init(version: QUICVersion, destination: ByteBuffer) {
        let secret = HKDF<SHA256>.extract(
            inputKeyMaterial: SymmetricKey(data: Array(destination.readableBytesView)), salt: version.salt)
        let client = Self.expand(SymmetricKey(data: secret), "client in", 32)
        header = Self.expand(client, "quic hp", 16)
        packet = Self.expand(client, "quic key", 16)
        iv = Self.expand(client, "quic iv", 12).withUnsafeBytes { Array($0) }
    }

    /// Takes the protection off a packet.
    /// - Parameters:
    ///   - bytes: The packet, from its first byte to the end that its length field names.
    ///   - numberOffset: Where the packet number begins.
    /// - Returns: The frames; nil when the packet is not genuine.
    func open(_ bytes: ByteBufferView, numberOffset: Int) -> ByteBuffer? {
        var bytes = Array(bytes)
        // The sample lies as if the packet number had four bytes (RFC 9001 section 5.4.2).
        guard bytes.count >= numberOffset + 20 else { return nil }
        var mask = Array(bytes[numberOffset + 4..<numberOffset + 20])
        guard (try? AES.permute(&mask, key: header)) != nil else { return nil }
        bytes[0] ^= mask[0] & 0x0f
        let numberLength = Int(bytes[0] & 3) + 1
        var nonce = iv
        for index in 0..<numberLength {
            bytes[numberOffset + index] ^= mask[1 + index]
            nonce[12 - numberLength + index] ^= bytes[numberOffset + index]
        }
        let start = numberOffset + numberLength
        guard bytes.count >= start + 16,
            let box = try? AES.GCM.SealedBox(
                nonce: .init(data: nonce), ciphertext: bytes[start..<bytes.count - 16], tag: bytes.suffix(16)),
            let plain = try? AES.GCM.open(box, using: packet, authenticating: bytes[..<start])
        else { return nil }
        return ByteBuffer(bytes: plain)
    }

    /// HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1) without a context.
    private static func expand(_ secret: SymmetricKey, _ label: String, _ length: Int) -> SymmetricKey {
        let name = Array("tls13 \(label)".utf8)
        let info = [UInt8(length >> 8), UInt8(length & 0xff), UInt8(name.count)] + name + [0]
        return HKDF<SHA256>.expand(pseudoRandomKey: secret, info: info, outputByteCount: length)
    }
}

/// The versions of QUIC that are looked into.
enum QUICVersion: UInt32 {
    case v1 = 1
    case draft29 = 0xff00_001d

    var salt: [UInt8] {
        switch self {
        case .v1:
            [
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
                0xbb, 0x7f, 0x0a,
            ]
        case .draft29:
            [
                0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43,
                0x90, 0xa8, 0x99,
            ]
        }
    }
}
