// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct Shadowsocks2022DatagramTests {
    private let target = Destination(network: .udp, address: .ip(.loopbackV4), port: 21002)

    private func client(_ vector: Shadowsocks2022Vector, time: UInt64? = nil) -> Shadowsocks2022DatagramCodec {
        let now = time ?? vector.time
        return Shadowsocks2022DatagramCodec(
            keys: vector.clientKeys, session: UInt64(vector.salt, radix: 16) ?? 0, now: { now })
    }

    private func packet(_ text: String) -> Packet { Packet(payload: ByteBuffer(string: text), peer: target) }

    @Test(arguments: Shadowsocks2022Vector.datagrams)
    func sealsAsOtherClientsDo(vector: Shadowsocks2022Vector) throws {
        let sealed = client(vector).encode(packet("hello"), padding: bytes(vector.padding), allocator: .init())
        let datagram = try #require(sealed)
        #expect(datagram.readableBytes == bytes(vector.sent).count)
        // Without a block cipher there is a random nonce.
        if vector.parsedMethod.hasBlockCipher { #expect(datagram == buffer(vector.sent)) }
    }

    @Test(arguments: Shadowsocks2022Vector.datagrams)
    func readsWhatOtherClientsSend(vector: Shadowsocks2022Vector) throws {
        let datagrams = Shadowsocks2022Datagrams(server: try vector.server())
        let opened = try #require(datagrams.open(buffer(vector.sent), from: connection.source).opened)
        #expect(opened.user?.email == "a@b" && opened.packet.peer == target)
        #expect(String(buffer: opened.packet.payload) == "hello")
        let reply = try #require(opened.reply.encode(packet("world"), allocator: .init()))
        let answer = client(vector).decode(reply)
        #expect(answer?.peer == target && answer.map { String(buffer: $0.payload) } == "world")
        #expect(datagrams.open(buffer(vector.sent), from: connection.source).opened == nil, "a replay is dropped")
    }

    @Test(arguments: Shadowsocks2022Vector.datagrams)
    func readsWhatOtherServersAnswerOnce(vector: Shadowsocks2022Vector) {
        let client = client(vector)
        let answer = client.decode(buffer(vector.received))
        #expect(answer.map { hex($0.payload) } == vector.downlink && answer?.peer == target)
        #expect(client.decode(buffer(vector.received)) == nil, "a replay is dropped")
        #expect(self.client(vector, time: vector.time + 31).decode(buffer(vector.received)) == nil)
        let other = Shadowsocks2022DatagramCodec(keys: vector.clientKeys, session: 1, now: { vector.time })
        #expect(other.decode(buffer(vector.received)) == nil, "an answer to another session")
    }

    @Test(arguments: Shadowsocks2022Vector.datagrams)
    func aWrongClockIsDropped(vector: Shadowsocks2022Vector) throws {
        for (time, isServed) in [(vector.time + 30, true), (vector.time - 31, false), (vector.time + 31, false)] {
            let datagrams = Shadowsocks2022Datagrams(server: try vector.server(at: time))
            #expect((datagrams.open(buffer(vector.sent), from: connection.source).opened != nil) == isServed)
        }
    }

    @Test(arguments: Shadowsocks2022Vector.datagrams)
    func datagramsMayOvertakeEachOther(vector: Shadowsocks2022Vector) throws {
        let datagrams = Shadowsocks2022Datagrams(server: try vector.server())
        let client = client(vector)
        let sealed = (0..<50).compactMap { client.encode(packet("\($0)"), allocator: .init()) }
        var generator = SplitMix(state: 3)
        let opened = sealed.shuffled(using: &generator).compactMap {
            datagrams.open($0, from: connection.source).opened
        }
        #expect(Set(opened.map { String(buffer: $0.packet.payload) }) == Set((0..<50).map { "\($0)" }))
        #expect(sealed.compactMap { datagrams.open($0, from: connection.source).opened }.isEmpty)
    }

    @Test(arguments: Shadowsocks2022Vector.datagrams)
    func aDamagedOrShortenedDatagramIsDropped(vector: Shadowsocks2022Vector) throws {
        let datagrams = Shadowsocks2022Datagrams(server: try vector.server())
        let client = client(vector)
        for index in bytes(vector.sent).indices {
            var damaged = bytes(vector.sent)
            damaged[index] ^= 4
            #expect(datagrams.open(ByteBuffer(bytes: damaged), from: connection.source).opened == nil)
            #expect(datagrams.open(ByteBuffer(bytes: damaged.prefix(index)), from: connection.source).opened == nil)
        }
        for index in bytes(vector.received).indices {
            var damaged = bytes(vector.received)
            damaged[index] ^= 4
            #expect(client.decode(ByteBuffer(bytes: damaged)) == nil)
            #expect(client.decode(ByteBuffer(bytes: damaged.prefix(index))) == nil)
        }
        // None of them has moved a window.
        #expect(datagrams.open(buffer(vector.sent), from: connection.source).opened != nil)
        #expect(client.decode(buffer(vector.received)) != nil)
    }

    @Test func aQuestionToANameServerIsPadded() throws {
        let client = client(Shadowsocks2022Vector.datagrams[0])
        let name = Destination(network: .udp, address: .ip(.loopbackV4), port: 53)
        let lengths = try (0..<8).map { _ in
            try #require(client.encode(Packet(payload: ByteBuffer(string: "q"), peer: name), allocator: .init()))
                .readableBytes
        }
        #expect(Set(lengths).count > 1)
    }
}
