// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Tells the BitTorrent peer protocol by its first twenty bytes (BEP 3).
package enum BitTorrentSniffer {
    private static let greeting = [19] + Array("BitTorrent protocol".utf8)

    package static func look(at buffer: ByteBuffer) -> SniffVerdict {
        let start = buffer.readableBytesView.prefix(greeting.count)
        guard greeting.starts(with: start) else { return .notThis }
        return start.count < greeting.count ? .needsMore : .found(SniffedContent(protocolName: "bittorrent"))
    }
}
