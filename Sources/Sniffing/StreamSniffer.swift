// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Looks at the beginning of a stream until one protocol is found or none is left.
package struct StreamSniffer: Sendable {
    private typealias Look = @Sendable (ByteBuffer) -> SniffVerdict

    private var candidates: [Look] = [
        HTTPRequestSniffer.look, ClientHello.look, BitTorrentSniffer.look,
    ]

    package init() {}

    /// - Parameter buffer: Everything from the stream's first byte on; nothing is consumed.
    package mutating func look(at buffer: ByteBuffer) -> SniffVerdict {
        guard buffer.readableBytes > 0 else { return .needsMore }
        var left: [Look] = []
        for look in candidates {
            switch look(buffer) {
            case .found(let content): return .found(content)
            case .needsMore: left.append(look)
            case .notThis: break
            }
        }
        candidates = left
        return left.isEmpty || buffer.readableBytes > SniffLimits.bytes ? .notThis : .needsMore
    }
}
