// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel
import Synchronization

/// Datagrams of the 2022 edition on a server's port. Every client's session has a key, a window against replays and a
/// session of ours for the answers; a session is forgotten some minutes after its last datagram.
///
/// The table is all event loops': a client that changes its address keeps its session but may come to another loop's socket, and a
/// replay from another address must not find an empty window there. Its lock is held for a look-up twice a datagram, never across a cipher.
package final class Shadowsocks2022Datagrams: InboundDatagramFormat {
    private typealias Header = Shadowsocks2022Packet.Header

    /// Sessions at a time; datagrams of further ones are dropped until others are forgotten.
    private static let sessionLimit = 65_536
    /// Seconds; a session lives for at least as long without a datagram, and for at most twice that.
    private static let lifetime: UInt64 = 120

    private final class Session: @unchecked Sendable {  // `window` is guarded by the table's lock, the rest is fixed
        let key: [UInt8]
        let cipher: AEADCipher?
        let reply: Shadowsocks2022ReplyCodec
        var window = ReplayWindow()

        init(key: [UInt8], cipher: AEADCipher?, reply: Shadowsocks2022ReplyCodec) {
            self.key = key
            self.cipher = cipher
            self.reply = reply
        }
    }

    private struct Table {
        var current: [UInt64: Session] = [:]
        var previous: [UInt64: Session] = [:]
        var turned: UInt64 = 0

        mutating func find(_ id: UInt64, now: UInt64) -> Session? {
            if now >= turned &+ lifetime {
                previous = now >= turned &+ 2 * lifetime ? [:] : current
                current = [:]
                turned = now
            }
            if let session = current[id] { return session }
            guard let session = previous.removeValue(forKey: id) else { return nil }
            current[id] = session
            return session
        }
    }

    private let server: Shadowsocks2022Server
    /// Of the port's key; nil where there is no block cipher.
    private let block: AESBlock?
    private let whole: Shadowsocks2022WholeCipher?
    private let sessions = Mutex(Table())

    package init(server: Shadowsocks2022Server) {
        self.server = server
        let hasBlock = server.method.hasBlockCipher
        block = hasBlock ? AESBlock(key: server.access.key) : nil
        whole = hasBlock ? nil : Shadowsocks2022WholeCipher(key: server.access.key)
    }

    package func open(_ datagram: ByteBuffer, from source: Endpoint) -> DatagramOpening {
        let now = server.now()
        if let whole {
            guard case .one(let key, let user) = server.access, let (header, body) = whole.open(datagram) else {
                return .refused("bad datagram")
            }
            let session = find(header, key: key, now: now)
            return finish(header, body, session, of: user, now: now)
        }
        var rest = datagram
        guard let block, let first = rest.readBytes(length: 16) else { return .refused("bad datagram") }
        let header = Header(block.decrypt(AESBlock.Block(first)))
        let user: ProxyUser
        let key: [UInt8]
        switch server.access {
        case .one(let onlyKey, let only): (key, user) = (onlyKey, only)
        case .many(_, let users):
            guard let identity = rest.readBytes(length: 16) else { return .refused("bad datagram") }
            let masked = block.decrypt(AESBlock.Block(identity))
            let name = AESBlock.Block(high: masked.high ^ header.session, low: masked.low ^ header.number)
            guard let entry = users.find(name) else { return .refused("unknown user") }
            (key, user) = (entry.credential, entry.user)
        }
        let session = find(header, key: key, now: now)
        guard let body = try? session.cipher?.open(rest, nonce: header.nonce) else {
            return .refused("bad datagram")
        }
        return finish(header, body, session, of: user, now: now)
    }

    /// The session of a datagram, or a new one that is not in the table yet. One of another key is another's session.
    private func find(_ header: Header, key: [UInt8], now: UInt64) -> Session {
        if let session = sessions.withLock({ $0.find(header.session, now: now) }), session.key == key { return session }
        let method = server.method
        return Session(
            key: key,
            cipher: method.hasBlockCipher ? method.session(key: key, salt: header.salt) : nil,
            reply: Shadowsocks2022ReplyCodec(method: method, key: key, client: header.session, now: server.now))
    }

    /// What is genuine enters the table and the window; what came before does not come through.
    /// - Parameter user: Who has the key now: the session may be older than the user, who was removed and added again.
    private func finish(
        _ header: Header, _ body: ByteBuffer, _ session: Session, of user: ProxyUser, now: UInt64
    ) -> DatagramOpening {
        guard let packet = Shadowsocks2022Packet.read(body, .fromClient, now: now) else {
            return .refused("bad header")
        }
        let isNew = sessions.withLock { table in
            if let known = table.find(header.session, now: now) {
                // Two datagrams of a new session may be opened at a time; the first one's object stays.
                guard known.key == session.key else { return false }
                return known.window.insert(header.number)
            }
            guard table.current.count < Self.sessionLimit else { return false }
            table.current[header.session] = session
            return session.window.insert(header.number)
        }
        guard isNew else { return .refused("replayed datagram") }
        return .opened(OpenedDatagram(packet: packet, user: user, reply: session.reply))
    }
}

/// Writes what a server sends to one session of a client.
package final class Shadowsocks2022ReplyCodec: DatagramCodec, Sendable {
    private let client: UInt64
    private let session = UInt64.random(in: .min ... .max)
    private let now: Shadowsocks2022Clock.Now
    private let number = Atomic<UInt64>(0)
    private let block: AESBlock?
    private let cipher: AEADCipher?
    private let whole: Shadowsocks2022WholeCipher?

    init(
        method: Shadowsocks2022Method, key: [UInt8], client: UInt64, now: @escaping Shadowsocks2022Clock.Now
    ) {
        self.client = client
        self.now = now
        if method.hasBlockCipher {
            block = AESBlock(key: key)
            let header = Shadowsocks2022Packet.Header(session: session, number: 0)
            cipher = method.session(key: key, salt: header.salt)
            whole = nil
        } else {
            block = nil
            cipher = nil
            whole = Shadowsocks2022WholeCipher(key: key)
        }
    }

    /// Nothing is read here: an inbound's datagrams are opened by ``Shadowsocks2022Datagrams``.
    package func decode(_ datagram: ByteBuffer) -> Packet? { nil }

    package func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? {
        let header = Shadowsocks2022Packet.Header(
            session: session, number: number.add(1, ordering: .relaxed).oldValue)
        guard let body = Shadowsocks2022Packet.body(.fromServer, time: now(), clientSession: client, packet) else {
            return nil
        }
        if let whole { return whole.seal(header, body) }
        guard let block, let cipher else { return nil }
        var datagram = allocator.buffer(capacity: body.readableBytes + 32)
        datagram.writeBytes(block.encrypt(header.block).bytes)
        guard (try? cipher.seal(body, nonce: header.nonce, into: &datagram)) != nil else { return nil }
        return datagram
    }
}
