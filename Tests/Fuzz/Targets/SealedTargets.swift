// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import XrayProtos

@testable import ProxyProtocols

/// Formats that are sealed: what is behind the seal is made here, because no fuzzer can forge it.
extension FuzzTarget {
    static let sealed: [FuzzTarget] = [
        FuzzTarget("chunks-vmess", seeds: { chunkSeeds }) { bytes in
            let options = VMessRequest.Options(rawValue: bytes.first ?? 0)
            let request = VMessRequest(
                iv: key, key: key, check: 0, options: options,
                security: options.rawValue & 0x80 == 0 ? .aes128GCM : .chaCha20Poly1305, target: target)
            guard let body = VMessBody(request) else { return }
            var writer = body.uplink
            checkChunks(bytes.dropFirst(), ChunkReader(body.uplink)) { try writer.write(stream: $0, into: &$1) }
        },
        FuzzTarget("chunks-shadowsocks", seeds: { chunkSeeds }) { bytes in
            let cipher = AEADCipher(.aesGCM, key: key)
            var writer = ShadowsocksChunks(cipher: cipher)
            checkChunks(bytes.dropFirst(), ChunkReader(ShadowsocksChunks(cipher: cipher))) {
                try writer.write($0, into: &$1)
            }
        },
        // The plaintext of a request's second header, whose length is true.
        FuzzTarget("shadowsocks-2022-header", seeds: { [[1, 127, 0, 0, 1, 0, 80, 0, 1, 9, 1, 2, 3]] }) { bytes in
            let whole = outcome2022(bytes, piece: .max)
            require(whole == outcome2022(bytes, piece: 1), "the same octet by octet")
        },
        // The plaintext of a datagram, from a client and from a server.
        FuzzTarget(
            "shadowsocks-2022-datagram",
            seeds: { [[0] + [UInt8](repeating: 0, count: 10) + [1, 1, 2, 3, 4, 0, 80, 9]] }
        ) { bytes in
            let body = ByteBuffer(bytes: bytes)
            _ = Shadowsocks2022Packet.read(body, .fromClient, now: 0)
            _ = Shadowsocks2022Packet.read(body, .fromServer, now: 0, clientSession: 0)
        },
        // Chunks of a Shadowsocks request; the address may end anywhere.
        FuzzTarget("shadowsocks-request", seeds: { [[7, 3, 3, 0x61, 0x2e, 0x62, 0, 80, 1, 2, 3]] }) { bytes in
            let users = ShadowsocksUsers()
            try? users.add(shadowsocksUser)
            guard let user = users.snapshot.first else { preconditionFailure("no user") }
            var chunks = ShadowsocksChunks(cipher: user.cipher.session(masterKey: user.masterKey, salt: key))
            var request = ByteBuffer(bytes: key)
            let size = max(1, Int(bytes.first ?? 1))
            var rest = bytes.dropFirst()
            while !rest.isEmpty {
                try? chunks.write(ByteBuffer(bytes: rest.prefix(size)), into: &request)
                rest = rest.dropFirst(size)
            }
            request.writeRepeatingByte(0, count: 50)
            var handshake = ShadowsocksHandshake(users: users, drain: DrainLength())
            _ = handshake.receive(&request)
        },
        FuzzTarget("replay-window", seeds: { [[1, 2, 3, 2, 200, 1]] }) { bytes in
            var window = ReplayWindow()
            var seen: Set<UInt64> = []
            var number: UInt64 = 1 << 20
            for byte in bytes {
                number = number &+ UInt64(byte) &* UInt64(byte) &- 9000
                if window.insert(number) { require(seen.insert(number).inserted, "no number comes through twice") }
            }
        },
    ]

    /// What relays of Shadowsocks 2022 read.
    static let relays: [FuzzTarget] = [
        FuzzTarget("shadowsocks-2022-relay", seeds: { [Array(0..<48), key + named, named + named] }) { bytes in
            var config = Xray_Proxy_Shadowsocks2022_RelayServerConfig()
            config.method = "2022-blake3-aes-128-gcm"
            config.key = "AAECAwQFBgcICQoLDA0ODw=="
            config.destinations = [.init()]
            config.destinations[0].key = "AAECAwQFBgcICQoLDA0ODw=="
            config.destinations[0].address.domain = "next.example"
            config.destinations[0].port = 1
            let local = Endpoint(ip: .loopbackV4, port: 1)
            guard let relay = try? Shadowsocks2022Relay(config) else { preconditionFailure("the settings are valid") }
            if let opened = relay.datagramFormat?.open(ByteBuffer(bytes: bytes), from: local).opened {
                require(opened.packet.payload.readableBytes + 16 == bytes.count, "one name is taken off")
            }
            var handshake = relay.accept(AcceptedConnection(source: local, local: local))
            var buffer = ByteBuffer(bytes: bytes)
            switch handshake.receive(&buffer) {
            case .stream: require(buffer.readableBytes + 16 == bytes.count, "one name is taken off")
            case .needMore: require(bytes.count < 32 && buffer.readableBytes == bytes.count, "a name is there in time")
            case .reject: require(bytes.count >= 32, "a name is read before it is refused")
            default: preconditionFailure("something else")
            }
        }
    ]

    /// The name of the key, as a request with that key as its salt has it.
    private static var named: [UInt8] {
        Shadowsocks2022Method.aes128GCM.identity(key: key, salt: key).encrypt(Shadowsocks2022Method.name(ofKey: key))
            .bytes
    }

    private static let key = (0..<16).map { UInt8($0) }
    private static let target = Destination(network: .tcp, address: .domain("example.com"), port: 80)
    private static let chunkSeeds: [[UInt8]] = [
        [0x0d, 5, 0, 3, 200], [0x1d, 1, 2, 3, 4, 5], [0x85, 9], [0x01, 255, 1],
    ]

    private static var shadowsocksUser: Xray_Common_Protocol_User {
        var account = Xray_Proxy_Shadowsocks_Account()
        account.password = "p"
        account.cipherType = .aes128Gcm
        var user = Xray_Common_Protocol_User()
        if let typed = try? TypedMessages.pack(account) { user.account = typed }
        return user
    }

    /// Writes payloads of the lengths that the input names, cuts the result into pieces of those lengths, and reads it again.
    private static func checkChunks<Format>(
        _ lengths: ArraySlice<UInt8>, _ reader: ChunkReader<Format>,
        _ write: (ByteBuffer, inout ByteBuffer) throws -> Void
    ) {
        var written = ByteBuffer()
        var payload = ByteBuffer()
        for length in lengths.prefix(64) {
            let part = ByteBuffer(repeating: length, count: Int(length) * 97)
            guard part.readableBytes > 0, (try? write(part, &written)) != nil else { continue }
            payload.writeImmutableBuffer(part)
        }
        func read(_ bytes: ByteBuffer) -> (payload: ByteBuffer, failed: Bool) {
            var reader = reader
            var rest = bytes
            var read = ByteBuffer()
            var step = 0
            while rest.readableBytes > 0 {
                let size = max(1, Int(lengths[lengths.startIndex + step % lengths.count]))
                step += 1
                guard var piece = rest.readSlice(length: min(size, rest.readableBytes)) else { break }
                do {
                    while let part = try reader.readAll(&piece) { read.writeImmutableBuffer(part) }
                } catch {
                    return (read, true)
                }
                require(piece.readableBytes == 0, "a reader keeps what is incomplete")
            }
            return (read, false)
        }
        guard written.readableBytes > 0 else { return }
        let whole = read(written)
        require(whole.payload == payload && !whole.failed, "what was written is read")
    }

    private static func outcome2022(_ header: [UInt8], piece: Int) -> String {
        let cipher = Shadowsocks2022Method.aes128GCM.session(key: key, salt: key)
        var fixed = ByteBuffer(bytes: [0])
        fixed.writeInteger(UInt64(0))
        fixed.writeInteger(UInt16(clamping: header.count))
        var request = ByteBuffer(bytes: key)
        try? cipher.seal(fixed, nonce: AEADNonce(littleEndian: 0), into: &request)
        try? cipher.seal(ByteBuffer(bytes: header.prefix(65_535)), nonce: AEADNonce(littleEndian: 1), into: &request)
        let server = Shadowsocks2022Server(
            method: .aes128GCM, access: .one(key, ProxyUser(email: "a@x", level: 0)), now: { 0 })
        var handshake = Shadowsocks2022Handshake(server: server)
        var buffer = ByteBuffer()
        while request.readableBytes > 0 {
            if var part = request.readSlice(length: min(piece, request.readableBytes)) { buffer.writeBuffer(&part) }
            switch handshake.receive(&buffer) {
            case .needMore: continue
            case .stream(let served):
                let payload = try? served.codec?.decode(&buffer)
                return "stream to \(served.target), payload of \(payload?.readableBytes ?? 0)"
            case .reject(let rejection): return "reject: \(rejection.reason)"
            default: return "something else"
            }
        }
        return "needs more"
    }
}
