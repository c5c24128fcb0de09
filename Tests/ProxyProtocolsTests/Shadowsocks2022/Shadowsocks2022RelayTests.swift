// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct Shadowsocks2022RelayTests {
    private static let datagrams = Shadowsocks2022Vector.datagrams.filter { $0.keys.count == 2 }
    private static let streams = Shadowsocks2022Vector.streams.filter { $0.keys.count == 2 }

    /// A relay with these keys of servers behind it.
    private static func config(
        _ method: Shadowsocks2022Method, key: [UInt8], _ next: [[UInt8]]
    ) -> Xray_Proxy_Shadowsocks2022_RelayServerConfig {
        var config = Xray_Proxy_Shadowsocks2022_RelayServerConfig()
        config.method = method.rawValue
        config.key = Data(key).base64EncodedString()
        config.destinations = next.enumerated().map { number, key in
            var destination = Xray_Proxy_Shadowsocks2022_RelayDestination()
            destination.key = Data(key).base64EncodedString()
            destination.address.domain = "next\(number).example"
            destination.port = 9_000
            destination.email = "\(number)@b"
            return destination
        }
        return config
    }

    /// A relay in front of the vector's server, for which the client's name is the next server's.
    private static func relay(_ vector: Shadowsocks2022Vector) throws -> Shadowsocks2022Relay {
        let method = vector.parsedMethod
        let other = [UInt8](repeating: 3, count: method.keyLength)
        return try Shadowsocks2022Relay(config(method, key: bytes(vector.keys[0]), [other, bytes(vector.keys[1])]))
    }

    private static func last(_ vector: Shadowsocks2022Vector) -> Shadowsocks2022Server {
        Shadowsocks2022Server(
            method: vector.parsedMethod, access: .one(bytes(vector.keys[1]), ProxyUser(email: "a@b", level: 0)),
            now: { vector.time })
    }

    @Test(arguments: streams) func requestIsTheNextServersOwnBehindTheRelay(vector: Shadowsocks2022Vector) throws {
        let relay = try Self.relay(vector)
        let sent = bytes(vector.sent)
        let outcome = runInPieces({ relay.accept(connection) }, sent)
        #expect(outcome.result == .stream(target: "tcp:next1.example:9000", user: "1@b", header: "", route: 0))
        let length = vector.parsedMethod.keyLength
        #expect(outcome.payload == hex(ByteBuffer(bytes: sent[..<length] + sent[(length + 16)...])))
        let served = run(Shadowsocks2022Handshake(server: Self.last(vector)), bytes(outcome.payload))
        guard case .stream = served.result else {
            Issue.record("\(served.result)")
            return
        }
    }

    @Test(arguments: streams) func cutOffNameIsWaitedForAndAWrongOneIsRefused(vector: Shadowsocks2022Vector) throws {
        let relay = try Self.relay(vector)
        let head = Array(bytes(vector.sent).prefix(vector.parsedMethod.keyLength + 16))
        expectEveryTruncationNeedsMore({ relay.accept(connection) }, head)
        var wrong = head
        wrong[wrong.count - 1] ^= 1
        #expect(run(relay.accept(connection), wrong).result == .reject(reason: "unknown destination", reply: ""))
    }

    @Test(arguments: datagrams) func datagramIsTheNextServersOwnBehindTheRelay(vector: Shadowsocks2022Vector) throws {
        let format = try #require(try Self.relay(vector).datagramFormat)
        let sent = buffer(vector.sent)
        let opened = try #require(format.open(sent, from: connection.source).opened)
        #expect("\(opened.packet.peer)" == "udp:next1.example:9000" && opened.user?.email == "1@b")
        let server = Shadowsocks2022Datagrams(server: Self.last(vector))
        let served = try #require(server.open(opened.packet.payload, from: connection.source).opened)
        #expect(String(buffer: served.packet.payload) == "hello")
        // The answer is the client's to open.
        let reply = try #require(served.reply.encode(served.packet, allocator: .init()))
        let passed = Packet(payload: reply, peer: opened.packet.peer)
        #expect(opened.reply.encode(passed, allocator: .init()) == reply)
        for count in 0..<sent.readableBytes where count < 32 {
            #expect(
                format.open(try #require(sent.getSlice(at: 0, length: count)), from: connection.source).opened == nil)
        }
        for place in 0..<32 {
            var changed = bytes(vector.sent)
            changed[place] ^= 1
            #expect(format.open(ByteBuffer(bytes: changed), from: connection.source).opened == nil, "byte \(place)")
        }
    }

    @Test func settingsThatMakeNoRelayAreRefused() {
        func refusal(
            method: Shadowsocks2022Method = .aes128GCM,
            _ change: (inout Xray_Proxy_Shadowsocks2022_RelayServerConfig) -> Void
        ) -> String? {
            let keys = (0..<2).map { [UInt8](repeating: $0, count: method.keyLength) }
            var config = Self.config(method, key: [UInt8](repeating: 7, count: method.keyLength), keys)
            change(&config)
            do { _ = try Shadowsocks2022Relay(config) } catch { return error.message }
            return nil
        }
        let scope = "proxy/shadowsocks_2022"
        #expect(refusal { _ in } == nil)
        #expect(
            refusal(method: .chaCha20Poly1305) { _ in } == "\(scope): 2022-blake3-chacha20-poly1305 has no relays")
        #expect(
            refusal { $0.destinations[1].key = $0.destinations[0].key }
                == "\(scope): destinations[1]: another destination has the same key")
        #expect(refusal { $0.destinations[1].port = 0 } == "\(scope): destinations[1]: invalid port: 0")
        #expect(refusal { $0.destinations[0].clearAddress() } == "\(scope): destinations[0]: the address is missing")
        #expect(refusal { $0.destinations[0].key = "?" } == "\(scope): destinations[0]: the key is not base64")
    }
}
