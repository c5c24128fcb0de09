// SPDX-License-Identifier: Apache-2.0
import NIOCore

extension ByteBuffer {
    /// The same bytes, to be kept for a while: out of the buffer that they were received in where that is much larger. A datagram
    /// comes in one of 64 KiB.
    var kept: ByteBuffer { readableBytes < storageCapacity / 2 ? ByteBuffer(buffer: self) : self }
}
