// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel

/// The pieces of a datagram of the 2022 edition, on either side.
struct Shadowsocks2022Packet {
    /// The separate header: 8 random bytes that name the sender's session, and the number of the datagram in it.
    struct Header: Hashable {
        var session: UInt64
        var number: UInt64

        var block: AESBlock.Block { AESBlock.Block(high: session, low: number) }
        var nonce: AEADNonce { AEADNonce(block.bytes.dropFirst(4)) }
        var salt: [UInt8] { Array(block.bytes.prefix(8)) }

        init(session: UInt64, number: UInt64) {
            self.session = session
            self.number = number
        }

        init(_ block: AESBlock.Block) {
            self.init(session: block.high, number: block.low)
        }
    }

    enum Direction: UInt8 {
        case fromClient = 0
        case fromServer = 1
    }

    /// Writes the body: type, time, the client's session in what a server sends, padding, address and payload.
    static func body(
        _ direction: Direction, time: UInt64, clientSession: UInt64? = nil, padding: [UInt8] = [], _ packet: Packet
    ) -> ByteBuffer? {
        var body = ByteBufferAllocator().buffer(capacity: packet.payload.readableBytes + padding.count + 300)
        body.writeInteger(direction.rawValue)
        body.writeInteger(time)
        if let clientSession { body.writeInteger(clientSession) }
        body.writeInteger(UInt16(clamping: padding.count))
        body.writeBytes(padding)
        guard AddressForm.portLast.write(packet.peer.address, port: packet.peer.port, to: &body) else { return nil }
        body.writeImmutableBuffer(packet.payload)
        return body
    }

    /// Reads a body; nil for one of the other direction, of another time, of another client's session, or malformed.
    static func read(
        _ body: ByteBuffer, _ direction: Direction, now: UInt64, clientSession: UInt64? = nil
    ) -> Packet? {
        var rest = body
        guard rest.readInteger(as: UInt8.self) == direction.rawValue, let time = rest.readInteger(as: UInt64.self),
            Shadowsocks2022Clock.accepts(time, now: now)
        else { return nil }
        if let clientSession, rest.readInteger(as: UInt64.self) != clientSession { return nil }
        guard let padding = rest.readInteger(as: UInt16.self), rest.readSlice(length: Int(padding)) != nil,
            let (address, port) = try? AddressForm.portLast.read(&rest)
        else { return nil }
        return Packet(payload: rest, peer: Destination(network: .udp, address: address, port: port))
    }
}

/// Datagrams sealed by XChaCha20-Poly1305 under the pre-shared key itself: a random nonce, and the header inside.
struct Shadowsocks2022WholeCipher: Sendable {
    private let cipher: AEADCipher

    init(key: [UInt8]) {
        cipher = AEADCipher(.xChaChaPoly, key: key)
    }

    func seal(_ header: Shadowsocks2022Packet.Header, _ body: ByteBuffer) -> ByteBuffer? {
        let nonce = RandomBytes.array(AEADNonce.longest)
        var datagram = ByteBufferAllocator().buffer(capacity: body.readableBytes + 64)
        datagram.writeBytes(nonce)
        var plain = ByteBuffer(bytes: header.block.bytes)
        plain.writeImmutableBuffer(body)
        guard (try? cipher.seal(plain, nonce: AEADNonce(nonce), into: &datagram)) != nil else { return nil }
        return datagram
    }

    func open(_ datagram: ByteBuffer) -> (header: Shadowsocks2022Packet.Header, body: ByteBuffer)? {
        var rest = datagram
        guard let nonce = rest.readBytes(length: AEADNonce.longest),
            var plain = try? cipher.open(rest, nonce: AEADNonce(nonce)), let block = plain.readBytes(length: 16)
        else { return nil }
        return (Shadowsocks2022Packet.Header(AESBlock.Block(block)), plain)
    }
}
