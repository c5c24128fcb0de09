// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
import ProxyModel

/// The datagrams of one session of a client of the 2022 edition.
package final class Shadowsocks2022DatagramCodec: DatagramCodec {
    private typealias Header = Shadowsocks2022Packet.Header

    /// A session of the server's: the current one, and the one before, whose datagrams may still be on their way.
    private struct ServerSession {
        let id: UInt64
        let cipher: AEADCipher?
        var window = ReplayWindow()
    }

    private let keys: Shadowsocks2022Keys
    private let now: Shadowsocks2022Clock.Now
    private let session: UInt64
    private var number: UInt64 = 0
    /// Encrypts the header; the first key on the way does.
    private let outer: AESBlock?
    private let identities: [(block: AESBlock, next: AESBlock.Block)]
    private let cipher: AEADCipher?
    /// Decrypts the headers of answers, which is always the user's own key.
    private let inner: AESBlock?
    private let whole: Shadowsocks2022WholeCipher?
    private var servers: [ServerSession] = []

    /// - Parameter session: 8 random bytes.
    package init(
        keys: Shadowsocks2022Keys, session: UInt64 = .random(in: .min ... .max),
        now: @escaping Shadowsocks2022Clock.Now = Shadowsocks2022Clock.system
    ) {
        self.keys = keys
        self.session = session
        self.now = now
        guard keys.method.hasBlockCipher else {
            (outer, identities, cipher, inner) = (nil, [], nil, nil)
            whole = Shadowsocks2022WholeCipher(key: keys.user)
            return
        }
        outer = AESBlock(key: keys.identities.first ?? keys.user)
        identities = keys.steps.map { (AESBlock(key: $0.key), $0.next) }
        cipher = keys.method.session(key: keys.user, salt: Header(session: session, number: 0).salt)
        inner = AESBlock(key: keys.user)
        whole = nil
    }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        // As others do: what is asked of a name server is short and of telling length.
        let isQuestion = packet.peer.port == 53 && packet.payload.readableBytes < 900
        let padding = isQuestion ? .random(in: 1...(900 - packet.payload.readableBytes)) : 0
        return encode(packet, padding: [UInt8](repeating: 0, count: padding), allocator: allocator)
    }

    func encode(_ packet: Packet, padding: [UInt8], allocator: ByteBufferAllocator) -> ByteBuffer? {
        let header = Header(session: session, number: number)
        guard let body = Shadowsocks2022Packet.body(.fromClient, time: now(), padding: padding, packet) else {
            return nil
        }
        number &+= 1
        if let whole { return whole.seal(header, body) }
        guard let outer, let cipher else { return nil }
        var datagram = allocator.buffer(capacity: body.readableBytes + 32 + 16 * identities.count)
        datagram.writeBytes(outer.encrypt(header.block).bytes)
        for (block, next) in identities {
            let masked = AESBlock.Block(high: next.high ^ header.session, low: next.low ^ header.number)
            datagram.writeBytes(block.encrypt(masked).bytes)
        }
        guard (try? cipher.seal(body, nonce: header.nonce, into: &datagram)) != nil else { return nil }
        return datagram
    }

    package func decode(_ datagram: ByteBuffer) -> Packet? {
        let header: Header
        let body: ByteBuffer
        let server: ServerSession
        if let whole {
            guard let opened = whole.open(datagram) else { return nil }
            (header, body) = opened
            server = servers.first { $0.id == header.session } ?? ServerSession(id: header.session, cipher: nil)
        } else {
            var rest = datagram
            guard let inner, let first = rest.readBytes(length: 16) else { return nil }
            let opened = Header(inner.decrypt(AESBlock.Block(first)))
            server =
                servers.first { $0.id == opened.session }
                ?? ServerSession(
                    id: opened.session, cipher: keys.method.session(key: keys.user, salt: opened.salt))
            guard let plain = try? server.cipher?.open(rest, nonce: opened.nonce) else { return nil }
            (header, body) = (opened, plain)
        }
        guard let packet = Shadowsocks2022Packet.read(body, .fromServer, now: now(), clientSession: session) else {
            return nil
        }
        return admit(header, server) ? packet : nil
    }

    /// A server that was started anew has another session; the one before it is still heard for a while.
    private func admit(_ header: Header, _ server: ServerSession) -> Bool {
        if let index = servers.firstIndex(where: { $0.id == header.session }) {
            return servers[index].window.insert(header.number)
        }
        servers.insert(server, at: 0)
        servers.removeLast(max(0, servers.count - 2))
        return servers[0].window.insert(header.number)
    }
}
