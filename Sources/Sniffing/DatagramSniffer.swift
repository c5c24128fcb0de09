// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Looks at the first datagrams of a source to one target until one protocol is found or none is left.
package struct DatagramSniffer: Sendable {
    private var quic = QUICSniffer()

    package init() {}

    /// - Parameter datagram: The next one; nothing is consumed.
    package mutating func look(at datagram: ByteBuffer) -> SniffVerdict {
        if UTPSniffer.isOpening(datagram) { return .found(SniffedContent(protocolName: "bittorrent")) }
        return quic.look(at: datagram)
    }
}

/// Finds the packet that opens a connection of uTP, over which BitTorrent clients speak to each other (BEP 29).
enum UTPSniffer {
    /// Version 1, and the type that opens a connection.
    private static let synchronize: UInt8 = 0x41
    private static let headerLength = 20

    /// The header alone, of a connection of which nothing was measured, received or sent before. Later packets are told from
    /// others by too little; connections are seen from their first.
    static func isOpening(_ datagram: ByteBuffer) -> Bool {
        var rest = datagram
        guard rest.readableBytes >= headerLength,
            let (first, extensionType) = rest.readMultipleIntegers(as: (UInt8, UInt8).self), first == synchronize,
            rest.readSlice(length: 6) != nil,
            let (delay, _, number, received) = rest.readMultipleIntegers(as: (UInt32, UInt32, UInt16, UInt16).self)
        else { return false }
        guard delay == 0, number == 1, received == 0 else { return false }
        // Extensions follow each other: the type of the next one, the length of this one.
        var next = extensionType
        while next != 0 {
            guard let (following, length) = rest.readMultipleIntegers(as: (UInt8, UInt8).self),
                rest.readSlice(length: Int(length)) != nil
            else { return false }
            next = following
        }
        return rest.readableBytes == 0
    }
}
