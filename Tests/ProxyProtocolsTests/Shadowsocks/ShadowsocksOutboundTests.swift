// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct ShadowsocksOutboundTests {
    private static let types: [Xray_Proxy_Shadowsocks_CipherType] = [
        .aes128Gcm, .aes256Gcm, .chacha20Poly1305, .xchacha20Poly1305,
    ]

    private static func config(_ type: Xray_Proxy_Shadowsocks_CipherType) -> Xray_Proxy_Shadowsocks_ClientConfig {
        var config = Xray_Proxy_Shadowsocks_ClientConfig()
        config.server.address.domain = "s.example"
        config.server.port = 8388
        config.server.user = user("", shadowsocksAccount("password", type))
        return config
    }

    /// The recorded clients' streams again, byte for byte, from their salts: all of them sent the address alone.
    @Test(arguments: ShadowsocksVector.all)
    func sealsAsOtherClientsDo(vector: ShadowsocksVector) throws {
        let user = ShadowsocksUser(
            user: ProxyUser(email: "", level: 0), cipher: vector.cipher,
            masterKey: vector.cipher.masterKey(password: vector.password))
        let recorded = bytes(vector.clientToServer)
        let target = Destination(network: .tcp, address: .ip(.loopbackV4), port: 21004)
        let made = ShadowsocksOutbound.request(
            user, target: target, salt: Array(recorded.prefix(vector.cipher.keyLength)))
        let (request, _) = try #require(made)
        #expect(recorded.starts(with: request.readableBytesView))
    }

    @Test(arguments: ShadowsocksVector.all)
    func opensTheAnswersOfOtherServersInAnyPieces(vector: ShadowsocksVector) throws {
        let user = ShadowsocksUser(
            user: ProxyUser(email: "", level: 0), cipher: vector.cipher,
            masterKey: vector.cipher.masterKey(password: vector.password))
        let unused = ShadowsocksChunks(cipher: user.cipher.session(masterKey: user.masterKey, salt: []))
        for piece in [Int.max, 1, 3, 50] {
            let codec = ShadowsocksCodec(client: user, uplink: unused)
            var received = ByteBuffer()
            var rest = bytes(vector.serverToClient)[...]
            var payload = ""
            while !rest.isEmpty {
                received.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
                while let part = try codec.decode(&received) { payload += hex(part) }
            }
            #expect(bytes(payload) == bytes(ShadowsocksVector.downlink), "pieces of \(piece)")
        }
    }

    @Test(arguments: types)
    func ourServerReadsWhatItSends(type: Xray_Proxy_Shadowsocks_CipherType) throws {
        let users = ShadowsocksUsers()
        try users.add(user("x", shadowsocksAccount("other", type)))
        try users.add(user("a@b", shadowsocksAccount("password", type)))
        let outbound = try ShadowsocksOutbound(Self.config(type))
        guard case .dial(let plan) = outbound.stream(for: session(to: "example.com", port: 443)),
            let preface = plan.handshake, let client = plan.codec
        else {
            Issue.record("no plan")
            return
        }
        var input = buffer(run(preface, answer: []).sent.joined())
        var handshake = ShadowsocksHandshake(users: users, drain: DrainLength())
        guard case .stream(let served) = handshake.receive(&input), let codec = served.codec else {
            Issue.record("no stream")
            return
        }
        #expect("\(served.target)" == "tcp:example.com:443" && served.user?.email == "a@b")
        let payload = ByteBuffer(bytes: (0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
        var up = client.encode(payload, allocator: .init())
        #expect(try codec.decode(&up) == payload)
        for _ in 0..<2 {
            var down = codec.encode(payload, allocator: .init())
            #expect(try client.decode(&down) == payload)
        }
        var damaged = codec.encode(payload, allocator: .init())
        damaged.setInteger(damaged.getInteger(at: 5_000, as: UInt8.self).map { $0 ^ 1 } ?? 0, at: 5_000)
        #expect(throws: ProtocolError.self) { try client.decode(&damaged) }
    }

    @Test(arguments: types)
    func datagramsGoToTheServersPort(type: Xray_Proxy_Shadowsocks_CipherType) throws {
        let users = ShadowsocksUsers()
        try users.add(user("a@b", shadowsocksAccount("password", type)))
        let outbound = try ShadowsocksOutbound(Self.config(type))
        guard case .relay(let plan) = outbound.packets(for: session(to: "example.com", port: 53)) else {
            Issue.record("no plan")
            return
        }
        #expect("\(plan.server)" == "tcp:s.example:8388" && plan.association == nil)
        for size in [1, 1_400, 65_000] {
            let peer = Destination(network: .udp, address: .domain("example.com"), port: 53)
            let packet = Packet(payload: ByteBuffer(repeating: 5, count: size), peer: peer)
            let sealed = try #require(plan.codec.encode(packet, allocator: .init()))
            let opened = ShadowsocksDatagrams(users: users).open(sealed, from: connection.source).opened
            #expect(opened?.packet.peer == peer && opened?.packet.payload == packet.payload)
        }
    }

    @Test func settingsWithoutAnAccountAreRefused() {
        var config = Self.config(.aes128Gcm)
        config.server.clearUser()
        #expect(throws: ControlError("proxy/shadowsocks: the server has no Shadowsocks account")) {
            try ShadowsocksOutbound(config)
        }
    }
}
