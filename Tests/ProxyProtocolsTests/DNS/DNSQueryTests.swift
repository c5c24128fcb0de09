// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct DNSQueryTests {
    /// `Example.com A IN`, as a resolver asks.
    private static let plain = bytes("1234 0100 0001 0000 0000 0000 074578616d706c65 03636f6d 00 0001 0001")
    /// The same with an OPT record that takes datagrams of 4096 bytes.
    private static let extended =
        bytes("1234 0100 0001 0000 0000 0001 074578616d706c65 03636f6d 00 0001 0001")
        + bytes("00 0029 1000 00000000 0000")

    private static func query(_ name: [UInt8], type: UInt16 = 1, flags: UInt16 = 0x0100) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(UInt16(7), flags, UInt16(1), UInt16(0), UInt16(0), UInt16(0))
        buffer.writeBytes(name)
        buffer.writeMultipleIntegers(type, UInt16(1))
        return buffer
    }

    @Test func questionIsRead() throws {
        let query = try #require(DNSQuery(ByteBuffer(bytes: Self.plain)))
        #expect(query.name == "example.com")
        #expect(query.type == DNSQuery.RecordType.a)
        #expect(query.isHostName && query.isStandard && query.asksForAddresses)
    }

    @Test func messageThatIsCutOffIsNone() {
        for count in 0..<Self.plain.count {
            #expect(DNSQuery(ByteBuffer(bytes: Self.plain[..<count])) == nil, "\(count) bytes")
        }
    }

    @Test(arguments: [
        // To itself, to the header, to each other, and behind a label.
        bytes("c00c"), bytes("c000"), bytes("c00e c00c"), bytes("0161 c00c"), bytes("ffff"),
    ])
    func compressedNameIsRefused(name: [UInt8]) {
        #expect(DNSQuery(Self.query(name)) == nil)
    }

    @Test func labelsAndNamesHaveALimit() {
        let label = [63] + [UInt8](repeating: 0x61, count: 63)
        let last = [61] + [UInt8](repeating: 0x61, count: 61)
        #expect(DNSQuery(Self.query(label + label + label + last + [0])) != nil)
        #expect(DNSQuery(Self.query(label + label + label + [62, 0x61] + last + [0])) == nil)
        #expect(DNSQuery(Self.query(label + label + label + label + [0])) == nil)
        #expect(DNSQuery(Self.query([64] + [UInt8](repeating: 0x61, count: 64) + [0])) == nil)
    }

    @Test func responseIsNoQuery() {
        #expect(DNSQuery(Self.query([0], flags: 0x8100)) == nil)
    }

    @Test func messageWithoutAQuestionIsNoQuery() {
        #expect(DNSQuery(ByteBuffer(bytes: bytes("1234 0100 0000 0000 0000 0000 00 0001 0001"))) == nil)
    }

    @Test func namesThatNoHostHasAreTold() throws {
        #expect(DNSQuery(Self.query([3, 0x61, 0x2e, 0x62, 0])) == nil, "a dot in a label reads as two labels")
        let query = try #require(DNSQuery(Self.query([4, 0x61, 0, 0x0a, 0x62, 0])))
        #expect(!query.isHostName)
        #expect(try #require(DNSQuery(Self.query([0]))).name.isEmpty)
    }

    @Test func answerRepeatsTheQuestionAndPointsAtItsName() throws {
        let query = try #require(DNSQuery(ByteBuffer(bytes: Self.plain)))
        let addresses = [IPAddress("192.0.2.1"), IPAddress("2001:db8::1"), IPAddress("192.0.2.2")].compactMap { $0 }
        let answer = query.answer(code: 0, addresses: addresses, lifetime: 30, inDatagram: true)
        #expect(
            hex(answer) == "123481800001000200000000" + "074578616d706c6503636f6d0000010001"
                + "c00c000100010000001e0004c0000201" + "c00c000100010000001e0004c0000202")
    }

    @Test func addressesOfTheOtherFamilyMakeAnEmptyAnswer() throws {
        let query = try #require(DNSQuery(Self.query([1, 0x61, 0], type: DNSQuery.RecordType.aaaa)))
        let answer = query.answer(code: 0, addresses: [.loopbackV4], lifetime: 30, inDatagram: true)
        #expect(hex(answer) == "0007 8180 0001 0000 0000 0000 0161 00 001c 0001".filter { $0 != " " })
    }

    @Test func optIsAnsweredByAnOPT() throws {
        let query = try #require(DNSQuery(ByteBuffer(bytes: Self.extended)))
        let answer = query.answer(code: 2, inDatagram: true)
        #expect(
            hex(answer) == "123481820001000000000001" + "074578616d706c6503636f6d0000010001"
                + "00002904d0000000000000")
    }

    @Test(arguments: [(plain, 512), (extended, 1232)])
    func datagramHasTheAddressesThatFitAndSaysWhatIsMissing(message: [UInt8], limit: Int) throws {
        let query = try #require(DNSQuery(ByteBuffer(bytes: message)))
        let addresses = (0..<200).map { IPAddress.v4(0xc000_0200 | $0) }
        let answer = query.answer(code: 0, addresses: addresses, lifetime: 1, inDatagram: true)
        #expect(answer.readableBytes <= limit && answer.readableBytes > limit - 16)
        #expect(answer.getInteger(at: 2, as: UInt16.self) == 0x8380)
        let whole = query.answer(code: 0, addresses: addresses, lifetime: 1, inDatagram: false)
        #expect(whole.getInteger(at: 2, as: UInt16.self) == 0x8180)
        #expect(whole.getInteger(at: 6, as: UInt16.self) == 200)
    }
}
