// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct ShadowsocksHandshakeTests {
    private func users(_ vector: ShadowsocksVector) throws -> ShadowsocksUsers {
        let users = ShadowsocksUsers()
        try users.add(user("x", shadowsocksAccount("other", .aes256Gcm)))
        let type: Xray_Proxy_Shadowsocks_CipherType =
            switch vector.cipher {
            case .aes128GCM: .aes128Gcm
            case .aes256GCM: .aes256Gcm
            case .chaCha20Poly1305: .chacha20Poly1305
            case .xChaCha20Poly1305: .xchacha20Poly1305
            }
        try users.add(user("a@b", shadowsocksAccount(vector.password, type)))
        return users
    }

    @Test func keys() {
        let password = "correct horse battery staple"
        let long = "9cc2ae8a1ba7a93da39b46fc1019c481f5eed4f36a1de6859cad92c665562831"
        #expect(ShadowsocksCipher.aes128GCM.masterKey(password: password) == Array(bytes(long).prefix(16)))
        #expect(ShadowsocksCipher.aes256GCM.masterKey(password: password) == bytes(long))
        #expect(
            ShadowsocksCipher.chaCha20Poly1305.masterKey(password: "barfoo!")
                == bytes("b3adc47839e047eb228870526dc8fc30b347287ffca3045dcea06b3fdf090acb"))
    }

    @Test(arguments: ShadowsocksVector.all)
    func readsWhatOtherClientsSendInAnyPieces(vector: ShadowsocksVector) throws {
        let users = try users(vector)
        let outcome = runInPieces(
            { ShadowsocksHandshake(users: users, drain: DrainLength()) }, bytes(vector.clientToServer))
        #expect(outcome.result == .stream(target: "tcp:127.0.0.1:21004", user: "a@b", header: "", route: 0))
    }

    @Test(arguments: ShadowsocksVector.all)
    func opensTheirStreams(vector: ShadowsocksVector) throws {
        var handshake = ShadowsocksHandshake(users: try users(vector), drain: DrainLength())
        var input = buffer(vector.clientToServer)
        guard case .stream(let request) = handshake.receive(&input), let codec = request.codec else {
            Issue.record("no stream")
            return
        }
        var rest = Array(input.readableBytesView)[...]
        var received = ByteBuffer()
        var payload = ""
        while !rest.isEmpty {
            received.writeInteger(rest.removeFirst())
            while let part = try codec.decode(&received) { payload += hex(part) }
        }
        #expect(bytes(payload) == bytes(ShadowsocksVector.uplink))
    }

    @Test(arguments: ShadowsocksVector.all)
    func opensTheAnswersOfOtherServers(vector: ShadowsocksVector) throws {
        var answer = buffer(vector.serverToClient)
        let salt = answer.readBytes(length: vector.cipher.keyLength)
        let key = vector.cipher.masterKey(password: vector.password)
        var chunks = ShadowsocksChunks(cipher: vector.cipher.session(masterKey: key, salt: try #require(salt)))
        var payload = ""
        while let part = try chunks.read(&answer) { payload += hex(part) }
        #expect(bytes(payload) == bytes(ShadowsocksVector.downlink))
    }

    /// A request of our own making: the plaintext cut into chunks of these sizes.
    private func request(_ plain: [UInt8], chunks sizes: [Int], user: ShadowsocksUser) throws -> [UInt8] {
        let salt = Array(0..<UInt8(user.cipher.keyLength))
        var chunks = ShadowsocksChunks(cipher: user.cipher.session(masterKey: user.masterKey, salt: salt))
        var buffer = ByteBuffer(bytes: salt)
        var rest = plain[...]
        for size in sizes {
            try chunks.write(ByteBuffer(bytes: rest.prefix(size)), into: &buffer)
            rest = rest.dropFirst(size)
        }
        return Array(buffer.readableBytesView)
    }

    @Test(arguments: [[18], [15, 3], [1, 1, 1, 15], [5, 12, 1], [14, 4], [16, 2]])
    func theAddressMayEndAnywhereInAChunk(sizes: [Int]) throws {
        let users = try users(ShadowsocksVector.all[0])
        // The type byte carries a flag in its upper bits.
        let plain = bytes("13 0b 6578616d706c652e636f6d 01bb 686921")
        let request = try request(plain, chunks: sizes, user: #require(users.snapshot.last))
        for piece in [Int.max, 1] {
            var handshake = ShadowsocksHandshake(users: users, drain: DrainLength())
            var input = ByteBuffer()
            var rest = request[...]
            var codec: (any StreamCodec)?
            var payload = ""
            while !rest.isEmpty {
                input.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
                if codec == nil, case .stream(let found) = handshake.receive(&input) {
                    #expect("\(found.target)" == "tcp:example.com:443")
                    codec = found.codec
                }
                while let part = try codec?.decode(&input) { payload += hex(part) }
            }
            #expect(payload == "686921")
        }
    }

    @Test func whatItWritesCanBeRead() throws {
        let user = try #require(users(ShadowsocksVector.all[0]).snapshot.last)
        let unused = ShadowsocksChunks(cipher: user.cipher.session(masterKey: user.masterKey, salt: []))
        let codec = ShadowsocksCodec(server: user, uplink: unused, skip: 0)
        var written = ByteBuffer()
        for count in [40_000, 1] {
            var part = codec.encode(ByteBuffer(repeating: 7, count: count), allocator: .init())
            written.writeBuffer(&part)
        }
        let salt = written.readBytes(length: 16)
        var reader = ShadowsocksChunks(
            cipher: user.cipher.session(masterKey: user.masterKey, salt: try #require(salt)))
        var count = 0
        while let part = try reader.read(&written) {
            #expect(part.readableBytes <= 0x3fff)
            count += part.readableBytes
        }
        #expect(count == 40_001)
    }

    /// Both directions are sealed with keys of the same kind: what a server sends reads as a request.
    @Test func anAnswerIsNoRequest() throws {
        let users = try users(ShadowsocksVector.all[0])
        let salts = ShadowsocksSalts()
        func handshake() -> ShadowsocksHandshake {
            ShadowsocksHandshake(users: users, drain: DrainLength(), salts: salts)
        }
        let plain = bytes("13 0b 6578616d706c652e636f6d 01bb 686921") + [UInt8](repeating: 0, count: 40)
        var input = ByteBuffer(bytes: try request(plain, chunks: [plain.count], user: #require(users.snapshot.last)))
        guard case .stream(let request) = run(handshake(), &input) else {
            Issue.record("refused")
            return
        }
        var answer = try #require(request.codec?.encode(ByteBuffer(bytes: plain), allocator: .init()))
        guard case .reject(let rejection) = run(handshake(), &answer) else {
            Issue.record("served")
            return
        }
        #expect(rejection.reason == "replayed request")
    }

    private func run(_ handshake: ShadowsocksHandshake, _ input: inout ByteBuffer) -> HandshakeStep {
        var handshake = handshake
        return handshake.receive(&input)
    }

    @Test func whatIsNotGenuineIsReadOnBeforeClosing() throws {
        var handshake = ShadowsocksHandshake(users: try users(ShadowsocksVector.all[0]), drain: DrainLength())
        var garbage = ByteBuffer(repeating: 7, count: 49)
        guard case .needMore = handshake.receive(&garbage) else {
            Issue.record("decided too early")
            return
        }
        garbage.writeInteger(UInt8(7))
        guard case .reject(let rejection) = handshake.receive(&garbage) else {
            Issue.record("served")
            return
        }
        #expect(rejection.reason == "unknown user")
        #expect((4..<54 + 3266 + 64).contains(rejection.drain))
    }

    @Test func lengthsOutOfRangeAreRefused() throws {
        let cipher = AEADCipher(.aesGCM, key: Array(repeating: 1, count: 16))
        for length: UInt16 in [0, 0x4000, 0xffff] {
            var input = ByteBuffer()
            try cipher.seal(
                ByteBuffer(integer: length), nonce: AEADNonce(), into: &input)
            var chunks = ShadowsocksChunks(cipher: cipher)
            #expect(throws: ProtocolError.self) { try chunks.read(&input) }
        }
    }
}
