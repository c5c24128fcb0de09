// SPDX-License-Identifier: Apache-2.0

/// The low three bits of a tag. (Protocol Buffers encoding, "Message structure")
enum WireType: UInt8 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case startGroup = 3
    case endGroup = 4
    case fixed32 = 5
}
