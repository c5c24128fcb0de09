// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Sniffing
import TestSupport
import Testing

struct QUICSnifferTests {
    private static let localhost = SniffVerdict.found(.init(protocolName: "quic", domain: "localhost"))

    private func datagram(_ hex: String) throws -> ByteBuffer { try #require(ByteBuffer(hex: hex)) }

    @Test func serverNameOfAnInitialPacketIsFound() throws {
        var sniffer = QUICSniffer()
        #expect(sniffer.look(at: try datagram(SniffVectors.quicInitial)) == Self.localhost)
    }

    @Test func draft29HasASaltOfItsOwn() throws {
        var sniffer = QUICSniffer()
        let verdict = sniffer.look(at: try datagram(SniffVectors.draft29))
        #expect(verdict == .found(.init(protocolName: "quic", domain: "draft.example.com")))
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 0, 2, 1]])
    func piecesOfAClientHelloMayComeInAnyOrderOverSeveralDatagrams(order: [Int]) throws {
        let datagrams = [
            try datagram(SniffVectors.splitFirst), try datagram(SniffVectors.splitSecond),
            try datagram(SniffVectors.splitThird),
        ]
        var sniffer = QUICSniffer()
        for index in order.dropLast() { #expect(sniffer.look(at: datagrams[index]) == .needsMore) }
        let verdict = sniffer.look(at: datagrams[order[order.count - 1]])
        #expect(verdict == .found(.init(protocolName: "quic", domain: "split.example.com")))
    }

    @Test func packetsBehindTheFirstOfADatagramAreReadAsWell() throws {
        var both = try datagram(SniffVectors.splitFirst)
        both.writeImmutableBuffer(try datagram(SniffVectors.splitSecond))
        both.writeImmutableBuffer(try datagram(SniffVectors.splitThird))
        var sniffer = QUICSniffer()
        let verdict = sniffer.look(at: both)
        #expect(verdict == .found(.init(protocolName: "quic", domain: "split.example.com")))
    }

    @Test func packetOfAnotherConnectionInTheSameDatagramIsIgnored() throws {
        var both = try datagram(SniffVectors.splitFirst)
        both.writeImmutableBuffer(try datagram(SniffVectors.quicInitial))
        var sniffer = QUICSniffer()
        #expect(sniffer.look(at: both) == .needsMore)
    }

    @Test func aDatagramOfVeryManyPacketsIsNotReadToItsEnd() throws {
        var many = ByteBuffer()
        for _ in 0..<20 { many.writeImmutableBuffer(try datagram(SniffVectors.splitFirst)) }
        many.writeImmutableBuffer(try datagram(SniffVectors.splitSecond))
        many.writeImmutableBuffer(try datagram(SniffVectors.splitThird))
        var sniffer = QUICSniffer()
        #expect(sniffer.look(at: many) == .needsMore)
    }

    @Test func datagramThatIsCutIsNotQUIC() throws {
        let whole = try datagram(SniffVectors.quicInitial)
        for count in 0..<whole.readableBytes {
            var sniffer = QUICSniffer()
            #expect(sniffer.look(at: try #require(whole.getSlice(at: 0, length: count))) == .notThis)
        }
    }

    @Test func changedByteIsNotedByTheTag() throws {
        let whole = Array(try datagram(SniffVectors.quicInitial).readableBytesView)
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 0x10
            var sniffer = QUICSniffer()
            #expect(sniffer.look(at: ByteBuffer(bytes: bytes)) != Self.localhost, "byte \(index)")
        }
    }

    @Test func otherDatagramsAreNotQUIC() {
        for bytes: [UInt8] in [[], [0], [0x40], [0xc0], [0xff, 0xff], Array(repeating: 0xff, count: 1200)] {
            var sniffer = QUICSniffer()
            #expect(sniffer.look(at: ByteBuffer(bytes: bytes)) == .notThis)
        }
    }
}
