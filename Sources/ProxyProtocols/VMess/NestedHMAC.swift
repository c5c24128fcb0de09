// SPDX-License-Identifier: Apache-2.0
internal import CCryptoBoringSSL

/// VMess's key derivation: HMAC-SHA-256 under the key "VMess AEAD KDF", and HMACs on top of it that each use the one below as
/// their hash function (64-byte blocks, 32-byte results).
///
/// Each level doubles the work, and a connection needs a dozen of them, so it goes without a heap allocation for each hash:
/// three levels cost some 5 µs.
enum NestedHMAC {
    private static let blockLength = 64
    private static let digestLength = 32

    /// The lowest HMAC's two hashes behind their first blocks.
    private struct Base: @unchecked Sendable {  // plain words
        var inner = SHA256_CTX()
        var outer = SHA256_CTX()

        init() {
            var block = Array("VMess AEAD KDF".utf8)
            block += [UInt8](repeating: 0, count: blockLength - block.count)
            CCryptoBoringSSL_SHA256_Init(&inner)
            CCryptoBoringSSL_SHA256_Update(&inner, block.map { $0 ^ 0x36 }, blockLength)
            CCryptoBoringSSL_SHA256_Init(&outer)
            CCryptoBoringSSL_SHA256_Update(&outer, block.map { $0 ^ 0x5c }, blockLength)
        }
    }

    private static let base = Base()

    /// - Parameter keys: the lowest level's first. One that is longer than a block is hashed by the levels below it first.
    static func code(for message: [UInt8], keys: [[UInt8]]) -> [UInt8] {
        var blocks: [UInt8] = []
        blocks.reserveCapacity(keys.count * blockLength)
        for (level, key) in keys.enumerated() {
            let short = key.count <= blockLength ? key : code(for: key, keys: Array(keys[..<level]))
            blocks += short
            blocks.append(contentsOf: repeatElement(0, count: blockLength - short.count))
        }
        return blocks.withUnsafeBufferPointer { keys in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: keys.count + max(1, message.count)) { buffer in
                Array(unsafeUninitializedCapacity: digestLength) { result, count in
                    count = digestLength
                    guard let start = buffer.baseAddress, let result = result.baseAddress else { return }
                    let text = start + keys.count
                    for (index, byte) in message.enumerated() { text[index] = byte }
                    hash(text, message.count, keys, keys.count / blockLength, into: result)
                }
            }
        }
    }

    /// - Parameter text: has a block of room in front of it for each level.
    private static func hash(
        _ text: UnsafeMutablePointer<UInt8>, _ count: Int, _ keys: UnsafeBufferPointer<UInt8>, _ level: Int,
        into result: UnsafeMutablePointer<UInt8>
    ) {
        guard level > 0 else {
            var hash = base.inner
            CCryptoBoringSSL_SHA256_Update(&hash, text, count)
            CCryptoBoringSSL_SHA256_Final(result, &hash)
            hash = base.outer
            CCryptoBoringSSL_SHA256_Update(&hash, result, digestLength)
            CCryptoBoringSSL_SHA256_Final(result, &hash)
            return
        }
        let key = keys[((level - 1) * blockLength)..<(level * blockLength)]
        let inner = text - blockLength
        for (index, byte) in key.enumerated() { inner[index] = byte ^ 0x36 }
        hash(inner, count + blockLength, keys, level - 1, into: result)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: level * blockLength + digestLength) { buffer in
            guard let start = buffer.baseAddress else { return }
            let outer = start + (level - 1) * blockLength
            for (index, byte) in key.enumerated() { outer[index] = byte ^ 0x5c }
            (outer + blockLength).update(from: result, count: digestLength)
            hash(outer, blockLength + digestLength, keys, level - 1, into: result)
        }
    }
}
