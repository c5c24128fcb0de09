// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import ProxyCore
import ProxyModel

extension VMessRequest {
    /// What a client draws at random for a request besides its keys.
    package struct Randomness: Sendable {
        /// The four random bytes of the identifier.
        package var identifier: UInt32
        /// Eight bytes.
        package var nonce: [UInt8]
        /// At most 15 bytes.
        package var padding: [UInt8]

        package init(identifier: UInt32, nonce: [UInt8], padding: [UInt8]) {
            self.identifier = identifier
            self.nonce = nonce
            self.padding = padding
        }

        package static func fresh() -> Randomness {
            Randomness(
                identifier: .random(in: .min ... .max), nonce: RandomBytes.array(8),
                padding: RandomBytes.array(.random(in: 0...15)))
        }
    }

    /// The request as it travels in front of the chunks; nil when its domain is longer than 255 bytes or it has no target.
    ///
    /// - Parameters:
    ///   - identifiers: encrypts with the user's identifier key.
    ///   - time: seconds since 1970.
    package func sealed(
        commandKey: [UInt8], identifiers: AESBlock, time: Int64, randomness: Randomness = .fresh()
    ) -> ByteBuffer? {
        guard let header = plaintext(padding: randomness.padding) else { return nil }
        let high = UInt64(bitPattern: time)
        let low = UInt64(randomness.identifier) << 32
        let checked = low | UInt64(CRC32.checksum(high: high, low: low))
        let identifier = identifiers.encrypt(AESBlock.Block(high: high, low: checked)).bytes
        var buffer = ByteBuffer(bytes: identifier)
        do {
            let length = ByteBuffer(integer: UInt16(clamping: header.readableBytes))
            let (lengthCipher, lengthNonce) = VMessKeys.header("_Length", commandKey, identifier, randomness.nonce)
            try lengthCipher.seal(length, nonce: lengthNonce, authenticating: identifier, into: &buffer)
            buffer.writeBytes(randomness.nonce)
            let (cipher, nonce) = VMessKeys.header("", commandKey, identifier, randomness.nonce)
            try cipher.seal(header, nonce: nonce, authenticating: identifier, into: &buffer)
            return buffer
        } catch {
            return nil
        }
    }

    private func plaintext(padding: [UInt8]) -> ByteBuffer? {
        guard let security, let command, padding.count <= 15 else { return nil }
        var header = ByteBuffer(bytes: [1])
        header.writeBytes(iv)
        header.writeBytes(key)
        header.writeBytes([check, options.rawValue, UInt8(padding.count) << 4 | security.rawValue, 0, command.rawValue])
        if command != .mux {
            guard let target, AddressForm.portFirst.write(target.address, port: target.port, to: &header) else {
                return nil
            }
        }
        header.writeBytes(padding)
        header.writeInteger(FNV1a.hash(header.readableBytesView))
        return header
    }
}
