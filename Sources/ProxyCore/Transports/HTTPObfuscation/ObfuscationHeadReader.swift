// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Takes a head off the front of a stream.
struct ObfuscationHeadReader {
    enum Outcome: Equatable {
        case needMore
        /// The head with its empty line, and what came behind it.
        case head(ByteBuffer, rest: ByteBuffer)
        case tooLong
    }

    /// What has come of a head that is not whole.
    private(set) var received = ByteBuffer()

    mutating func read(_ part: ByteBuffer) -> Outcome {
        let searched = received.readableBytes
        var all = part
        if searched > 0 {
            received.writeImmutableBuffer(part)
            all = received
        }
        if let length = Self.length(all.readableBytesView.prefix(ObfuscationHead.limit), from: searched),
            let head = all.readSlice(length: length)
        {
            received = ByteBuffer()
            return .head(head, rest: all)
        }
        guard all.readableBytes < ObfuscationHead.limit else { return .tooLong }
        // A few bytes, which are not worth the whole receive buffer that they stand in.
        if searched == 0 { received = ByteBuffer(bytes: part.readableBytesView) }
        return .needMore
    }

    /// The length of a head with its empty line. Of line feeds alone none is made, which would end it elsewhere than for the peer.
    private static func length(_ bytes: ByteBufferView, from searched: Int) -> Int? {
        var index = bytes.startIndex + max(0, searched - 3)
        while let feed = bytes[index...].firstIndex(of: 0x0a) {
            index = feed + 1
            let length = index - bytes.startIndex
            if bytes.prefix(length).suffix(4).elementsEqual([0x0d, 0x0a, 0x0d, 0x0a]) { return length }
        }
        return nil
    }
}
