// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Sniffing
import TestSupport
import Testing

struct DatagramSnifferTests {
    private static let opening: [UInt8] = [
        0x41, 0, 0x12, 0x34, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0,
    ]
    private static let torrent = SniffVerdict.found(.init(protocolName: "bittorrent"))

    private func look(_ bytes: [UInt8]) -> SniffVerdict {
        var sniffer = DatagramSniffer()
        return sniffer.look(at: ByteBuffer(bytes: bytes))
    }

    @Test func openingOfUTPIsBitTorrent() {
        #expect(look(Self.opening) == Self.torrent)
    }

    @Test func extensionsOfTheOpeningAreSteppedOver() {
        var bytes = Self.opening
        bytes[1] = 2
        #expect(look(bytes + [0, 8] + [UInt8](repeating: 0, count: 8)) == Self.torrent)
        #expect(look(bytes + [3, 1, 9] + [0, 0]) == Self.torrent)
        #expect(look(bytes + [0, 8, 1]) == .notThis, "cut off")
        #expect(look(bytes) == .notThis, "missing")
    }

    @Test func otherPacketsAreNot() {
        for (place, value) in [(0, 0x01), (0, 0x21), (0, 0x42), (8, 1), (17, 2), (18, 1)] as [(Int, UInt8)] {
            var bytes = Self.opening
            bytes[place] = value
            #expect(look(bytes) == .notThis, "byte \(place)")
        }
        for count in 0..<Self.opening.count { #expect(look(Array(Self.opening[..<count])) == .notThis) }
        #expect(look(Self.opening + [0]) == .notThis, "an opening carries nothing")
    }

    @Test func quicIsFoundAsBefore() throws {
        var sniffer = DatagramSniffer()
        for hex in [SniffVectors.splitFirst, SniffVectors.splitSecond] {
            #expect(sniffer.look(at: try #require(ByteBuffer(hex: hex))) == .needsMore)
        }
        let verdict = sniffer.look(at: try #require(ByteBuffer(hex: SniffVectors.splitThird)))
        #expect(verdict == .found(.init(protocolName: "quic", domain: "split.example.com")))
    }
}
