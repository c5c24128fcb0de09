// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct SOCKSDatagramCodecTests {
    private let codec = SOCKSDatagramCodec()

    @Test(arguments: [
        ("000000 01 01010101 0035 71", "udp:1.1.1.1:53", "71"),
        ("000000 03 0b6578616d706c652e636f6d 0035 7172", "udp:example.com:53", "7172"),
        ("000000 04 20010db8000000000000000000000001 0035", "udp:[2001:db8::1]:53", ""),
    ])
    func readsAndWritesTheSameBytes(datagram: String, peer: String, payload: String) throws {
        let packet = try #require(codec.decode(buffer(datagram)))
        #expect("\(packet.peer)" == peer)
        #expect(hex(packet.payload) == payload)
        #expect(codec.encode(packet, allocator: .init()) == buffer(datagram))
    }

    @Test(arguments: [
        "", "0000", "000000", "000001 01 01010101 0035 71", "000000 02", "000000 0300 0035", "000000 01 010101",
        "000000 01 01010101 00",
    ])
    func dropsWhatItCannotRead(datagram: String) {
        #expect(codec.decode(buffer(datagram))?.peer == nil)
    }
}
