// SPDX-License-Identifier: Apache-2.0
internal import CCryptoBoringSSL

/// Unpredictable bytes in bulk, by BoringSSL's generator: a standard `UInt8.random` asks the kernel for every byte.
package enum RandomBytes {
    package static func array(_ count: Int) -> [UInt8] {
        Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            CCryptoBoringSSL_RAND_bytes(buffer.baseAddress, count)
            initialized = count
        }
    }

    static func fill(_ target: UnsafeMutableRawPointer, count: Int) {
        CCryptoBoringSSL_RAND_bytes(target.assumingMemoryBound(to: UInt8.self), count)
    }
}
