// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

extension Shadowsocks2022Vector {
    var parsedMethod: Shadowsocks2022Method { Shadowsocks2022Method(rawValue: method) ?? .aes128GCM }

    var clientKeys: Shadowsocks2022Keys {
        Shadowsocks2022Keys(
            method: parsedMethod, identities: keys.dropLast().map { bytes($0) }, user: bytes(keys.last ?? ""))
    }

    /// A server that serves the vector's user, among others where there may be several.
    func server(at time: UInt64? = nil) throws -> Shadowsocks2022Server {
        let now = time ?? self.time
        let method = parsedMethod
        guard keys.count == 2 else {
            return Shadowsocks2022Server(
                method: method, access: .one(bytes(keys[0]), ProxyUser(email: "a@b", level: 0)), now: { now })
        }
        let users = Shadowsocks2022Users.shadowsocks2022(method, scope: "test")
        for (email, key) in [("x", [UInt8](repeating: 9, count: method.keyLength)), ("a@b", bytes(keys[1]))] {
            var account = Xray_Proxy_Shadowsocks2022_Account()
            account.key = Data(key).base64EncodedString()
            try users.add(user(email, account))
        }
        return Shadowsocks2022Server(method: method, access: .many(bytes(keys[0]), users), now: { now })
    }
}

struct Shadowsocks2022StreamTests {
    /// The specification's examples, as an implementation of it computed them.
    @Test func keys() {
        let short = Array("0123456789abcdef".utf8)
        let salt = (0..<16).map { UInt8($0) }
        func subkey(_ context: String, _ salt: [UInt8]) -> [UInt8] {
            BLAKE3.KeyDerivation(context: "shadowsocks 2022 \(context) subkey").key(short + salt, count: 16)
        }
        #expect(subkey("session", salt) == bytes("77e5792040acb7aaa30cfa537039fa76"))
        #expect(subkey("identity", salt) == bytes("38d031f3d14c169c04b6020565f7032f"))
        #expect(subkey("session", Array(salt.prefix(8))) == bytes("e43a0c37378e6d6f98a3cdc30db0394b"))
        #expect(
            Shadowsocks2022Method.name(ofKey: Array("user-key-0000002".utf8)).bytes
                == bytes("2bab575dec25cb6a93d5e484f1d6a649"))
    }

    @Test func keysAreBase64OfTheMethodsLength() throws {
        let method = Shadowsocks2022Method.aes128GCM
        #expect(try method.key("MDEyMzQ1Njc4OWFiY2RlZg==", scope: "s") == Array("0123456789abcdef".utf8))
        let long = try method.key(Data(repeating: 1, count: 32).base64EncodedString(), scope: "s")
        #expect(long.count == 16 && long != [UInt8](repeating: 1, count: 16))
        #expect(throws: ControlError("s: the key has 3 bytes, 2022-blake3-aes-128-gcm needs 16")) {
            try method.key("AAAA", scope: "s")
        }
        #expect(throws: ControlError("s: the key is not base64")) { try method.key("?", scope: "s") }
    }

    @Test(arguments: Shadowsocks2022Vector.streams)
    func sealsAsOtherClientsDo(vector: Shadowsocks2022Vector) throws {
        let made = vector.clientKeys.request(
            target: Destination(network: .tcp, address: .ip(.loopbackV4), port: 21004), salt: bytes(vector.salt),
            time: vector.time, padding: bytes(vector.padding), payload: buffer(vector.uplink[0]))
        let (request, uplink) = try #require(made)
        let codec = Shadowsocks2022Codec(
            method: vector.parsedMethod, key: vector.clientKeys.user, salt: [], client: uplink, now: { 0 })
        var sent = request
        for part in vector.uplink.dropFirst() {
            sent.writeImmutableBuffer(codec.encode(buffer(part), allocator: .init()))
        }
        #expect(sent == buffer(vector.sent))
    }

    @Test(arguments: Shadowsocks2022Vector.streams)
    func readsWhatOtherClientsSendInAnyPieces(vector: Shadowsocks2022Vector) throws {
        for piece in [Int.max, 1, 3, 30] {
            var handshake = Shadowsocks2022Handshake(server: try vector.server())
            var input = ByteBuffer()
            var rest = bytes(vector.sent)[...]
            var codec: (any StreamCodec)?
            var payload = ""
            while !rest.isEmpty {
                input.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
                if codec == nil, case .stream(let found) = handshake.receive(&input) {
                    #expect("\(found.target)" == "tcp:127.0.0.1:21004" && found.user?.email == "a@b")
                    codec = found.codec
                    #expect(input.readableBytes > 0, "the core offers a codec only bytes that are there")
                }
                while let part = try codec?.decode(&input) { payload += hex(part) }
            }
            #expect(payload == vector.uplink.joined(), "pieces of \(piece)")
        }
    }

    @Test(arguments: Shadowsocks2022Vector.streams)
    func opensTheAnswersOfOtherServersInAnyPieces(vector: Shadowsocks2022Vector) throws {
        let made = vector.clientKeys.request(
            target: Destination(network: .tcp, address: .ip(.loopbackV4), port: 1), salt: bytes(vector.salt),
            time: vector.time, padding: [1])
        let uplink = try #require(made).uplink
        func codec(salt: String? = nil, time: UInt64? = nil) -> Shadowsocks2022Codec {
            let now = time ?? vector.time
            return Shadowsocks2022Codec(
                method: vector.parsedMethod, key: vector.clientKeys.user, salt: bytes(salt ?? vector.salt),
                client: uplink, now: { now })
        }
        for piece in [Int.max, 1, 3, 50] {
            let codec = codec()
            var received = ByteBuffer()
            var rest = bytes(vector.received)[...]
            var payload = ""
            while !rest.isEmpty {
                received.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
                while let part = try codec.decode(&received) { payload += hex(part) }
            }
            #expect(bytes(payload) == bytes(vector.downlink), "pieces of \(piece)")
        }
        for wrong in [codec(salt: String(repeating: "00", count: 32)), codec(time: vector.time + 31)] {
            var received = buffer(vector.received)
            #expect(throws: ProtocolError.self) { try wrong.decode(&received) }
        }
    }

    @Test(arguments: Shadowsocks2022Vector.streams)
    func ourClientReadsWhatOurServerSends(vector: Shadowsocks2022Vector) throws {
        let made = vector.clientKeys.request(
            target: Destination(network: .tcp, address: .domain("example.com"), port: 443), salt: bytes(vector.salt),
            time: vector.time, padding: [1])
        let (request, uplink) = try #require(made)
        var handshake = Shadowsocks2022Handshake(server: try vector.server())
        var input = request
        guard case .stream(let served) = handshake.receive(&input), let server = served.codec else {
            Issue.record("no stream")
            return
        }
        #expect(input.readableBytes == 0)
        let client = Shadowsocks2022Codec(
            method: vector.parsedMethod, key: vector.clientKeys.user, salt: bytes(vector.salt), client: uplink,
            now: { vector.time + 30 })
        let payload = ByteBuffer(bytes: (0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
        for part in [ByteBuffer(string: "x"), payload] {
            var up = client.encode(part, allocator: .init())
            #expect(try server.decode(&up) == part)
            var down = server.encode(part, allocator: .init())
            #expect(try client.decode(&down) == part)
        }
    }

    @Test(arguments: Shadowsocks2022Vector.streams)
    func everyTruncationNeedsMore(vector: Shadowsocks2022Vector) throws {
        let server = try vector.server()
        // Up to the end of the second header: salt, name, two sealed headers.
        let fixed = vector.parsedMethod.keyLength + 16 * (vector.keys.count - 1) + 27
        for length in 0..<(fixed + 38 + 16) {
            let outcome = run(Shadowsocks2022Handshake(server: server), Array(bytes(vector.sent).prefix(length)))
            // From the fixed header on the salt is remembered.
            guard length <= fixed else { continue }
            #expect(outcome.result == .needMore, "first \(length) bytes")
        }
    }

    @Test func aRequestIsServedOnceAndOnlyInItsTime() throws {
        let vector = Shadowsocks2022Vector.streams[0]
        let request = bytes(vector.sent)
        let server = try vector.server(at: vector.time + 30)
        guard case .stream = run(Shadowsocks2022Handshake(server: server), request).result else {
            Issue.record("refused")
            return
        }
        #expect(
            run(Shadowsocks2022Handshake(server: server), request).result
                == .reject(reason: "replayed request", reply: ""))
        for time in [vector.time - 31, vector.time + 31] {
            #expect(
                run(Shadowsocks2022Handshake(server: try vector.server(at: time)), request).result
                    == .reject(reason: "wrong time", reply: ""))
        }
    }

    @Test(arguments: Shadowsocks2022Vector.streams)
    func aDamagedRequestIsReadOnWithoutAnAnswer(vector: Shadowsocks2022Vector) throws {
        let end = vector.parsedMethod.keyLength + 16 * (vector.keys.count - 1) + 27 + 38 + 16
        for index in 0..<end {
            var request = bytes(vector.sent)
            request[index] ^= 1
            var input = ByteBuffer(bytes: request)
            var handshake = Shadowsocks2022Handshake(server: try vector.server())
            guard case .reject(let rejection) = handshake.receive(&input) else {
                Issue.record("byte \(index) makes no difference")
                return
            }
            #expect(rejection.drain == .max && rejection.reply == nil)
        }
    }

    @Test func aRequestWithoutPayloadAndPaddingIsRefused() throws {
        let vector = Shadowsocks2022Vector.streams[0]
        let made = vector.clientKeys.request(
            target: Destination(network: .tcp, address: .ip(.loopbackV4), port: 1), salt: bytes(vector.salt),
            time: vector.time, padding: [])
        let request = Array(try #require(made).request.readableBytesView)
        #expect(
            run(Shadowsocks2022Handshake(server: try vector.server()), request).result
                == .reject(reason: "bad header", reply: ""))
    }
}
