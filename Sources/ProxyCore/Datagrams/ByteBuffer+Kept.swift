// SPDX-License-Identifier: Apache-2.0
import NIOCore

extension ByteBuffer {
    /// The same bytes, to be kept for a while: out of the buffer that they were received in where that is much larger. A datagram
    /// from a stream is a piece of all that was read with it.
    var kept: ByteBuffer { readableBytes < storageCapacity / 2 ? ByteBuffer(buffer: self) : self }
}
