// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
import ProxyModel

/// Reads a request of the 2022 edition (SIP022, SIP023), in any number of pieces: a salt, who the user is where there are
/// several, a sealed header of fixed length and one of variable length with the first payload.
///
/// A connection that is refused is read until the handshake's time is over, so that a prober learns nothing from its end.
package struct Shadowsocks2022Handshake: StreamHandshake {
    /// Type, time, and the length of the second header.
    private static let fixedLength = 11

    private struct Header {
        var user: ProxyUser
        var key: [UInt8]
        var salt: [UInt8]
        var cipher: AEADCipher
        /// Bytes in front of the sealed second header.
        var offset: Int
        /// Bytes of the second header without its tag.
        var length: Int
    }

    private let server: Shadowsocks2022Server
    private var header: Header?

    package init(server: Shadowsocks2022Server) {
        self.server = server
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        if header == nil {
            switch readFixedHeader(buffer) {
            case .success(let found?): header = found
            case .success(nil): return .needMore
            case .failure(let refusal): return Self.refuse(refusal.reason)
            }
        }
        guard let header,
            let sealed = buffer.getSlice(
                at: buffer.readerIndex + header.offset, length: header.length + AEADCipher.tagLength)
        else { return .needMore }
        do {
            var plain = try header.cipher.open(sealed, nonce: AEADNonce(littleEndian: 1))
            guard let (address, port) = try AddressForm.portLast.read(&plain),
                let padding = plain.readInteger(as: UInt16.self), plain.readSlice(length: Int(padding)) != nil,
                padding > 0 || plain.readableBytes > 0
            else { return Self.refuse("bad header") }
            let target = Destination(network: .tcp, address: address, port: port)
            let hasPayload = plain.readableBytes > 0
            buffer.moveReaderIndex(
                forwardBy: header.offset + (hasPayload ? 0 : header.length + AEADCipher.tagLength))
            // The first payload is opened again by the codec, so that it arrives there like any other.
            let uplink = ShadowsocksChunks(
                cipher: header.cipher, readLimit: Int(UInt16.max), counter: hasPayload ? 1 : 2,
                pending: hasPayload ? header.length : nil)
            let codec = Shadowsocks2022Codec(
                method: server.method, key: header.key, salt: header.salt, uplink: uplink,
                skip: hasPayload ? header.length - plain.readableBytes : 0, now: server.now)
            return .stream(StreamRequest(target: target, user: header.user, codec: codec))
        } catch {
            return Self.refuse("bad header")
        }
    }

    private struct Refusal: Error {
        let reason: String
    }

    /// Nil when it is not complete yet.
    private func readFixedHeader(_ buffer: ByteBuffer) -> Result<Header?, Refusal> {
        let method = server.method
        var rest = buffer
        guard let salt = rest.readBytes(length: method.keyLength) else { return .success(nil) }
        let user: ProxyUser
        let key: [UInt8]
        switch server.access {
        case .one(let onlyKey, let only): (key, user) = (onlyKey, only)
        case .many(let portKey, let users):
            guard let name = rest.readBytes(length: 16) else { return .success(nil) }
            let block = method.identity(key: portKey, salt: salt).decrypt(AESBlock.Block(name))
            guard let entry = users.find(block) else { return .failure(Refusal(reason: "unknown user")) }
            (key, user) = (entry.credential, entry.user)
        }
        guard let sealed = rest.readSlice(length: Self.fixedLength + AEADCipher.tagLength) else {
            return .success(nil)
        }
        let cipher = method.session(key: key, salt: salt)
        guard var plain = try? cipher.open(sealed, nonce: AEADNonce(littleEndian: 0)),
            let type = plain.readInteger(as: UInt8.self), let time = plain.readInteger(as: UInt64.self),
            let length = plain.readInteger(as: UInt16.self)
        else { return .failure(Refusal(reason: "unknown user")) }
        guard type == 0 else { return .failure(Refusal(reason: "bad header")) }
        guard Shadowsocks2022Clock.accepts(time, now: server.now()) else {
            return .failure(Refusal(reason: "wrong time"))
        }
        guard server.admit(salt) else { return .failure(Refusal(reason: "replayed request")) }
        return .success(
            Header(
                user: user, key: key, salt: salt, cipher: cipher, offset: buffer.readableBytes - rest.readableBytes,
                length: Int(length)))
    }

    private static func refuse(_ reason: String) -> HandshakeStep {
        .reject(HandshakeRejection(reason, drain: .max))
    }
}
