// SPDX-License-Identifier: Apache-2.0

/// The nonce of one sealing: 12 bytes, or 24 for XChaCha20, of which those that a cipher does not need are ignored. Kept in
/// registers and on the stack, because there is one for each chunk.
package struct AEADNonce: Sendable {
    package static let longest = 24

    private var words: (UInt64, UInt64, UInt64) = (0, 0, 0)

    package init() {}

    /// - Parameter bytes: the nonce; missing bytes are zero.
    package init(_ bytes: some Sequence<UInt8>) {
        withUnsafeMutableBytes(of: &words) { target in
            for (index, byte) in bytes.prefix(Self.longest).enumerated() { target[index] = byte }
        }
    }

    /// A little-endian counter and zeros (Shadowsocks).
    package init(littleEndian counter: UInt64) {
        words.0 = counter.littleEndian
    }

    /// The same nonce with a big-endian counter in its first two bytes (VMess).
    package func with(bigEndian counter: UInt16) -> AEADNonce {
        var nonce = self
        withUnsafeMutableBytes(of: &nonce.words) { $0.storeBytes(of: counter.bigEndian, as: UInt16.self) }
        return nonce
    }

    func withBytes<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        withUnsafeBytes(of: words) { bytes in
            // The address of a value that is there is never nil.
            guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else {
                preconditionFailure("a tuple without an address")
            }
            return body(base)
        }
    }
}
