// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct ShadowsocksDatagramTests {
    private let users = ShadowsocksUsers()

    init() throws {
        try users.add(user("x", shadowsocksAccount("other", .aes256Gcm)))
        try users.add(user("a@b", shadowsocksAccount("correct horse battery staple")))
        try users.add(user("c@d", shadowsocksAccount("pw-three", .chacha20Poly1305)))
    }

    /// Datagrams that ss-server and Xray answered.
    @Test(arguments: [
        (
            "73c9f9d2f5b495f91a90cb0bb7c7f5c18e8b9fa5eb5ccc4de8acacfd5a42f5829b7c1d6b7ab7cf204f741a3c", "a@b"
        ),
        (
            """
            ba1a0ae325c16ba58aaf67c620906b1ba217a5d3b5f90c5340e5a9b9c60ebc8582cd1e486d9fff8a7b7f303dea9f3df616acec9e
            385a3dae3a6967f1
            """, "c@d"
        ),
    ])
    func readsWhatOtherClientsSend(datagram: String, email: String) throws {
        let opened = try #require(
            ShadowsocksDatagrams(users: users).open(buffer(datagram), from: connection.source).opened)
        #expect(opened.user?.email == email)
        #expect("\(opened.packet.peer)" == "udp:127.0.0.1:21002")
        #expect(String(buffer: opened.packet.payload) == "hello")
        let reply = try #require(opened.reply.encode(opened.packet, allocator: .init()))
        let again = try #require(opened.reply.decode(reply))
        #expect(again.peer == opened.packet.peer && again.payload == opened.packet.payload)
        #expect(reply != buffer(datagram))
    }

    @Test func readsWhatOtherServersAnswer() throws {
        let codec = ShadowsocksDatagramCodec(user: try #require(users.snapshot.dropFirst().first))
        let reply =
            "a295bc50775ac6e256cd3b986056c77eb8272c2d12ffcb51863554c5d7e4561a11464985b1ffb7ed512a61377b229395b67ad9"
        #expect(codec.decode(buffer(reply)).map { String(buffer: $0.payload) } == "U21002:hello")
    }

    @Test func aDatagramIsServedOnceFromWhateverAddressItComes() throws {
        let datagrams = ShadowsocksDatagrams(users: users)
        let sender = ShadowsocksDatagramCodec(user: try #require(users.snapshot.last))
        let packet = Packet(
            payload: ByteBuffer(string: "hello"), peer: Destination(network: .udp, address: .ip(.loopbackV4), port: 53))
        let recorded = try #require(sender.encode(packet, allocator: .init()))
        #expect(datagrams.open(recorded, from: connection.source).opened != nil)
        for source in [connection.source, Endpoint(ip: .v4(0xc000_0201), port: 9)] {
            guard case .refused("replayed datagram") = datagrams.open(recorded, from: source) else {
                Issue.record("served again")
                return
            }
        }
        let next = try #require(sender.encode(packet, allocator: .init()))
        #expect(datagrams.open(next, from: connection.source).opened != nil)
    }

    @Test func anAnswerIsNoRequest() throws {
        let datagrams = ShadowsocksDatagrams(users: users)
        let sender = ShadowsocksDatagramCodec(user: try #require(users.snapshot.last))
        let packet = Packet(
            payload: ByteBuffer(string: "hello"), peer: Destination(network: .udp, address: .ip(.loopbackV4), port: 53))
        let request = try #require(sender.encode(packet, allocator: .init()))
        let opened = try #require(datagrams.open(request, from: connection.source).opened)
        let answer = try #require(opened.reply.encode(packet, allocator: .init()))
        #expect(sender.decode(answer)?.payload == packet.payload)
        #expect(datagrams.open(answer, from: connection.source).opened == nil)
    }

    @Test func dropsWhatIsNotGenuine() {
        let datagrams = ShadowsocksDatagrams(users: users)
        var generator = SplitMix(state: 6)
        for _ in 0..<200 {
            #expect(
                datagrams.open(ByteBuffer(bytes: generator.bytes(upTo: 100)), from: connection.source).opened?.packet
                    .peer
                    == nil)
        }
    }
}
