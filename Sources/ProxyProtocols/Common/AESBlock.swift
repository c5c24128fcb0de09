// SPDX-License-Identifier: Apache-2.0
internal import CCryptoBoringSSL

/// AES on single blocks (FIPS 197), with the key schedules of both directions kept. See ``AEADCipher`` for why it is
/// BoringSSL's own function: a block costs 12 ns.
package final class AESBlock: @unchecked Sendable {  // the schedules are not changed after init
    /// A block as two big-endian halves.
    package struct Block: Sendable, Hashable {
        package var high: UInt64
        package var low: UInt64

        package init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        /// - Parameter bytes: 16; missing ones are zero.
        package init(_ bytes: some Sequence<UInt8>) {
            var halves: (UInt64, UInt64) = (0, 0)
            withUnsafeMutableBytes(of: &halves) { target in
                for (index, byte) in bytes.prefix(16).enumerated() { target[index] = byte }
            }
            self.init(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1))
        }

        package var bytes: [UInt8] {
            withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
        }
    }

    private let keys: UnsafeMutablePointer<AES_KEY>

    /// - Parameter key: 16 or 32 bytes. Another length makes a key of 16 bytes, cut or filled up with zeros.
    package init(key: [UInt8]) {
        let key = key.count == 32 ? key : Array((key + Array(repeating: 0, count: 16)).prefix(16))
        keys = .allocate(capacity: 2)
        keys.initialize(repeating: AES_KEY(), count: 2)
        CCryptoBoringSSL_AES_set_encrypt_key(key, UInt32(key.count * 8), keys)
        CCryptoBoringSSL_AES_set_decrypt_key(key, UInt32(key.count * 8), keys + 1)
    }

    deinit { keys.deallocate() }

    package func encrypt(_ block: Block) -> Block {
        Self.transformed(block) { CCryptoBoringSSL_AES_encrypt($0, $0, keys) }
    }

    package func decrypt(_ block: Block) -> Block {
        Self.transformed(block) { CCryptoBoringSSL_AES_decrypt($0, $0, keys + 1) }
    }

    fileprivate static func transformed(_ block: Block, _ body: (UnsafeMutablePointer<UInt8>) -> Void) -> Block {
        var halves = (block.high.bigEndian, block.low.bigEndian)
        withUnsafeMutableBytes(of: &halves) { bytes in
            if let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress { body(base) }
        }
        return Block(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1))
    }
}

/// Many AES-128 keys in a row of memory, to find the one that a block was encrypted with: 10,000 keys cost 110 µs.
package struct AESKeyList: Sendable {
    private var schedules: ContiguousArray<Schedule> = []

    private struct Schedule: @unchecked Sendable {  // plain words
        var key = AES_KEY()
    }

    package init() {}

    /// - Parameter key: 16 bytes.
    package mutating func append(_ key: [UInt8]) {
        var schedule = Schedule()
        CCryptoBoringSSL_AES_set_decrypt_key(
            Array((key + Array(repeating: 0, count: 16)).prefix(16)), 128, &schedule.key)
        schedules.append(schedule)
    }

    /// The last key takes the place of the removed one.
    package mutating func swapRemove(at index: Int) {
        guard schedules.indices.contains(index), let last = schedules.popLast() else { return }
        if index < schedules.count { schedules[index] = last }
    }

    /// The first key whose plaintext of `block` is the right one, and that plaintext.
    package func find(
        _ block: AESBlock.Block, where isRight: (AESBlock.Block) -> Bool
    ) -> (index: Int, plain: AESBlock.Block)? {
        find(block, among: schedules.indices, where: isRight)
    }

    /// - Parameter candidates: Those keys alone, in this order; positions that are none are passed over.
    package func find(
        _ block: AESBlock.Block, among candidates: some Sequence<Int>, where isRight: (AESBlock.Block) -> Bool
    ) -> (index: Int, plain: AESBlock.Block)? {
        schedules.withUnsafeBufferPointer { schedules in
            for index in candidates where schedules.indices.contains(index) {
                guard let base = schedules.baseAddress else { return nil }
                let plain = AESBlock.transformed(block) { bytes in
                    UnsafeRawPointer(base + index).withMemoryRebound(to: AES_KEY.self, capacity: 1) { key in
                        CCryptoBoringSSL_AES_decrypt(bytes, bytes, key)
                    }
                }
                if isRight(plain) { return (index, plain) }
            }
            return nil
        }
    }
}
