// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import ProxyCore

@Suite struct HunkTests {
    /// The payload of some messages, fed in pieces; a fault is given with what came before it.
    static func decode(_ bytes: [UInt8], piece: Int) -> (payload: [UInt8], fault: HunkFault?, isWhole: Bool) {
        var decoder = HunkDecoder()
        var payload: [UInt8] = []
        var rest = bytes[...]
        do throws(HunkFault) {
            while !rest.isEmpty {
                var buffer = ByteBuffer(bytes: rest.prefix(piece))
                rest = rest.dropFirst(piece)
                while let part = try decoder.next(&buffer) { payload += part.readableBytesView }
            }
        } catch {
            return (payload, error, false)
        }
        return (payload, nil, decoder.isBetweenMessages)
    }

    static func message(_ body: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        [flag] + (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) } + body
    }

    private static func encoded(_ payload: [UInt8]) -> [UInt8] {
        (0..<Hunk.prefixLength(payload.count)).map { Hunk.prefix(payload.count, at: $0) } + payload
    }

    private static let accepted: [(bytes: [UInt8], payload: [UInt8])] = [
        (message([0x0a, 3, 1, 2, 3]), [1, 2, 3]),
        // "ab" and "c" as one MultiHunk.
        ([0, 0, 0, 0, 7, 0x0a, 2, 0x61, 0x62, 0x0a, 1, 0x63], [0x61, 0x62, 0x63]),
        // Empty messages and empty pieces say nothing.
        (message([]) + message([0x0a, 0, 0x0a, 1, 9]) + message([]), [9]),
        // Fields that are not known: a number, eight octets, four, and a string.
        (message([0x10, 0x96, 0x01, 0x0a, 1, 7]), [7]),
        (message([0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0x1a, 2, 5, 5, 0x0a, 1, 8]), [8]),
        // A length that is written longer than it has to be.
        (message([0x0a, 0x82, 0x80, 0x00, 4, 5]), [4, 5]),
    ]

    @Test(arguments: [1, 2, 3, 1000])
    func payloadIsReadInPiecesOfAnySize(_ piece: Int) {
        for (bytes, payload) in Self.accepted {
            let decoded = Self.decode(bytes, piece: piece)
            #expect(decoded.payload == payload)
            #expect(decoded.fault == nil)
            #expect(decoded.isWhole)
        }
    }

    @Test(arguments: [
        (message([0x0a, 0], flag: 1), HunkFault.compressed), (message([0x0a, 0], flag: 7), .badFlag(7)),
        ([0, 0, 0x40, 0, 1], .tooLong(4 * 1024 * 1024 + 1)), ([0, 0xff, 0xff, 0xff, 0xff], .tooLong(0xffff_ffff)),
        // A field, and a number, that are longer than the message; a field without its length.
        (message([0x0a, 3, 1, 2]), .malformed), (message([0x10, 0x80]), .malformed), (message([0x0a]), .malformed),
        (message([0x11, 1, 2, 3]), .malformed),
        // Field number 0, a group, a number of more than 64 bits.
        (message([0x02, 1, 1]), .malformed), (message([0x0b]), .malformed),
        (message([0x10] + [UInt8](repeating: 0xff, count: 10) + [1]), .malformed),
        (message([0x0a] + [UInt8](repeating: 0xff, count: 9) + [1]), .malformed),
    ])
    func whatIsNoMessageIsRefused(_ bytes: [UInt8], _ fault: HunkFault) {
        for piece in [1, 4, 1000] { #expect(Self.decode(bytes, piece: piece).fault == fault) }
    }

    @Test func everyPrefixOfAMessageWaitsForTheRest() {
        let bytes = Self.message([0x10, 0x96, 0x01, 0x0a, 3, 7, 8, 9])
        for count in 1..<bytes.count {
            let decoded = Self.decode(Array(bytes.prefix(count)), piece: count)
            #expect(decoded.fault == nil)
            #expect(!decoded.isWhole)
        }
    }

    @Test(arguments: [1, 2, 127, 128, 129, 16_374, Hunk.payloadLimit])
    func whatIsWrittenIsRead(_ count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let bytes = Self.encoded(payload)
        #expect(bytes.count <= 16_384)
        #expect(Self.decode(bytes + bytes, piece: 1000).payload == payload + payload)
    }

    @Test func knownOctets() {
        #expect(Self.encoded([0x61]) == [0, 0, 0, 0, 3, 0x0a, 1, 0x61])
        #expect(Self.encoded([UInt8](repeating: 5, count: 300)).prefix(8) == [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02])
    }
}
