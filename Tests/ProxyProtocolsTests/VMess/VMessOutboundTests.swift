// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct VMessOutboundTests {
    private static func config(
        _ security: Xray_Common_Protocol_SecurityType = .aes128Gcm, tests: String = ""
    ) -> Xray_Proxy_Vmess_Outbound_Config {
        var account = Xray_Proxy_Vmess_Account()
        account.id = VMessVector.user
        account.securitySettings.type = security
        account.testsEnabled = tests
        var config = Xray_Proxy_Vmess_Outbound_Config()
        config.receiver.address.domain = "s.example"
        config.receiver.port = 443
        config.receiver.user = user("a@b", account)
        return config
    }

    /// What it sends in front of payload, and the codec for the rest.
    private func dial(
        _ config: Xray_Proxy_Vmess_Outbound_Config
    ) throws -> (request: ByteBuffer, codec: any StreamCodec) {
        let outbound = try VMessOutbound(config)
        guard case .dial(let plan) = outbound.stream(for: session(to: "example.com", port: 443)),
            let handshake = plan.handshake, let codec = plan.codec
        else { throw ControlError("no plan") }
        return (buffer(run(handshake, answer: []).sent.joined()), codec)
    }

    private func server() throws -> VMessServer {
        let users = VMessUsers()
        try users.add(Self.config().receiver.user)
        return VMessServer(users: users)
    }

    /// The recorded clients' requests again, byte for byte, from what they drew at random.
    @Test(arguments: VMessVector.all)
    func sealsAsOtherClientsDo(vector: VMessVector) throws {
        let opened = try vector.opened()
        let user = try VMessVector.owner()
        let sealed = opened.request.sealed(
            commandKey: user.commandKey, identifiers: AESBlock(key: user.identifierKey), time: vector.time,
            randomness: opened.randomness)
        #expect(sealed == opened.sealed)
    }

    /// Where the sizes are not padded, nothing of a body is random.
    @Test(arguments: VMessVector.all)
    func chunksAsOtherClientsDo(vector: VMessVector) throws {
        let opened = try vector.opened()
        guard !opened.request.options.contains(.globalPadding), !vector.isDatagrams else { return }
        let codec = VMessCodec(client: try #require(VMessBody(opened.request)), marksEnd: true)
        var written = ByteBuffer()
        for part in vector.uplink {
            var chunk = codec.encode(buffer(part), allocator: .init())
            written.writeBuffer(&chunk)
        }
        if var end = codec.finish(allocator: .init()) { written.writeBuffer(&end) }
        #expect(written == opened.chunks)
    }

    @Test(arguments: VMessVector.all)
    func opensTheAnswersOfOtherServersInAnyPieces(vector: VMessVector) throws {
        let body = try #require(VMessBody(vector.opened().request))
        for piece in [Int.max, 1, 3, 40] {
            let streams = VMessCodec(client: body, marksEnd: true)
            let packets = VMessPacketCodec(client: body)
            let target = Destination(network: .udp, address: .ip(.loopbackV4), port: 1)
            var received = ByteBuffer()
            var rest = bytes(vector.serverToClient)[...]
            var payload = ""
            while !rest.isEmpty {
                received.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
                if vector.isDatagrams {
                    while let packet = try packets.decode(&received, defaultTarget: target) {
                        payload += hex(packet.payload)
                    }
                } else {
                    while let part = try streams.decode(&received) { payload += hex(part) }
                }
            }
            #expect(bytes(payload) == bytes(vector.downlink.joined()), "pieces of \(piece)")
        }
    }

    @Test(
        arguments: [Xray_Common_Protocol_SecurityType.aes128Gcm, .chacha20Poly1305, .auto, .unknown],
        ["", "AuthenticatedLength|NoTerminationSignal"])
    func ourServerReadsWhatItSends(security: Xray_Common_Protocol_SecurityType, tests: String) throws {
        guard security != .unknown else {
            #expect(throws: ControlError.self) { try VMessOutbound(Self.config(security)) }
            return
        }
        let (request, client) = try dial(Self.config(security, tests: tests))
        var handshake = VMessHandshake(server: try server())
        var input = request
        guard case .stream(let served) = handshake.receive(&input), let codec = served.codec else {
            Issue.record("no stream")
            return
        }
        #expect("\(served.target)" == "tcp:example.com:443")
        #expect(input.readableBytes == 0)
        let payload = ByteBuffer(bytes: (0..<300_000).map { UInt8(truncatingIfNeeded: $0) })
        var up = client.encode(payload, allocator: .init())
        var down = try #require(served.responseHeader)
        down.writeImmutableBuffer(codec.encode(payload, allocator: .init()))
        #expect(try codec.decode(&up) == payload)
        #expect(try client.decode(&down) == payload)
        let end = client.finish(allocator: .init())
        #expect((end == nil) == tests.contains("NoTerminationSignal"))
        if var end { #expect(try codec.decode(&end) == nil && codec.sawEnd) }
    }

    @Test func datagramsOfATargetGoInAConnectionOfTheirOwn() throws {
        var target = session(to: "example.com", port: 53)
        target.target.network = .udp
        guard case .stream(let plan) = try VMessOutbound(Self.config()).packets(for: target),
            let preface = plan.dial.handshake
        else {
            Issue.record("no plan")
            return
        }
        #expect(try VMessOutbound(Self.config()).sharing(target.target) == .alone)
        var handshake = VMessHandshake(server: try server())
        var input = buffer(run(preface, answer: []).sent.joined())
        guard case .packets(let served) = handshake.receive(&input) else {
            Issue.record("no packets")
            return
        }
        #expect(served.target == target.target)
        for size in [1, 1_400, 9_000, 65_400] {
            let packet = Packet(payload: ByteBuffer(repeating: 5, count: size), peer: target.target)
            var up = try #require(plan.codec.encode(packet, allocator: .init()))
            #expect(try served.codec.decode(&up, defaultTarget: served.target)?.payload == packet.payload)
        }
        let tooLong = Packet(payload: ByteBuffer(repeating: 5, count: 65_500), peer: target.target)
        #expect(plan.codec.encode(tooLong, allocator: .init()) == nil)
    }

    @Test func datagramsOfASourceShareAConnection() throws {
        var target = session(to: "example.com", port: 5_000)
        target.target.network = .udp
        let outbound = try VMessOutbound(Self.config())
        #expect(outbound.sharing(target.target) == .shared)
        guard case .stream(let plan) = outbound.packets(for: target), let preface = plan.dial.handshake else {
            Issue.record("no plan")
            return
        }
        var handshake = VMessHandshake(server: try server())
        var input = buffer(run(preface, answer: []).sent.joined())
        guard case .stream(let served) = handshake.receive(&input), let body = served.codec else {
            Issue.record("no stream")
            return
        }
        #expect(served.target.isMuxRequest)
        var other = target.target
        other.port = 5_001
        var frames = ByteBuffer()
        for peer in [target.target, other] {
            let packet = Packet(payload: ByteBuffer(string: "\(peer.port)"), peer: peer)
            var up = try #require(plan.codec.encode(packet, allocator: .init()))
            while var part = try body.decode(&up) { frames.writeBuffer(&part) }
        }
        let read = try (0..<2).map { _ in try #require(try MuxFrame.read(&frames)) }
        #expect(read.map(\.peer) == [target.target, other] && read.map(\.status) == [.new, .keep])
        #expect(read.allSatisfy { $0.id == 0 && $0.globalID == 0 })
        // Answers come back however they are cut.
        var answer = ByteBuffer()
        for peer in [other, target.target] {
            MuxFrame(id: 0, status: .keep, peer: peer, data: ByteBuffer(string: "a")).writeHead(to: &answer)
            answer.writeString("a")
        }
        var down = try #require(served.responseHeader)
        down.writeImmutableBuffer(body.encode(answer, allocator: .init()))
        var received = ByteBuffer()
        var peers: [Destination] = []
        while let byte = down.readInteger(as: UInt8.self) {
            received.writeInteger(byte)
            while let packet = try plan.codec.decode(&received, defaultTarget: target.target) {
                peers.append(packet.peer)
            }
        }
        #expect(peers == [other, target.target])
        var end = try #require(body.finish(allocator: .init()))
        #expect(throws: ProtocolError.self) { try plan.codec.decode(&end, defaultTarget: target.target) }
    }

    @Test func anAnswerToAnotherRequestEndsTheConnection() throws {
        let vector = VMessVector.all[0]
        let opened = try vector.opened()
        var other = opened.request
        other = VMessRequest(
            iv: other.iv, key: other.key, check: other.check ^ 1, options: other.options,
            security: try #require(other.security), target: try #require(other.target))
        let codec = VMessCodec(client: try #require(VMessBody(other)), marksEnd: true)
        var answer = buffer(vector.serverToClient)
        #expect(throws: ProtocolError.self) { try codec.decode(&answer) }
        for damaged in [0, 20, 50] {
            let codec = VMessCodec(client: try #require(VMessBody(opened.request)), marksEnd: true)
            var bytes = bytes(vector.serverToClient)
            bytes[damaged] ^= 1
            var answer = ByteBuffer(bytes: bytes)
            #expect(throws: ProtocolError.self, "byte \(damaged)") { try codec.decode(&answer) }
        }
    }

    @Test func settingsWithoutAUserAreRefused() {
        var config = Self.config()
        config.receiver.clearUser()
        #expect(throws: ControlError("proxy/vmess/outbound: the server has no VMess user")) {
            try VMessOutbound(config)
        }
        config.clearReceiver()
        #expect(throws: ControlError("proxy/vmess/outbound: no vnext found")) { try VMessOutbound(config) }
    }
}
