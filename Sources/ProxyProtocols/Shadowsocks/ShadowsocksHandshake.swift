// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Reads a Shadowsocks request in any number of pieces: finds the user by trying every key on the first sealed length,
/// and then the address in the first chunks.
package struct ShadowsocksHandshake: StreamHandshake {
    /// The shortest request is longer; so many bytes hold the longest salt and a sealed length.
    private static let firstLength = 50

    private let users: ShadowsocksUsers
    private let drain: DrainLength
    private let source: IPAddress?
    private let salts: ShadowsocksSalts?
    private var user: ShadowsocksUser?
    private var chunks: ShadowsocksChunks?
    /// Bytes of the buffer that were turned into `request`.
    private var offset = 0
    private var request = ByteBuffer()

    /// - Parameter salts: Of earlier requests, which are not served again; nil = all are.
    package init(
        users: ShadowsocksUsers, drain: DrainLength, source: IPAddress? = nil, salts: ShadowsocksSalts? = nil
    ) {
        self.users = users
        self.salts = salts
        self.source = source
        self.drain = drain
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        if chunks == nil {
            guard buffer.readableBytes >= Self.firstLength else { return .needMore }
            switch find(buffer) {
            case .found(let found, let cipher):
                if let salts, let salt = buffer.getBytes(at: buffer.readerIndex, length: found.cipher.keyLength),
                    !salts.insert(salt)
                {
                    return refuse("replayed request", buffer)
                }
                user = found
                chunks = ShadowsocksChunks(cipher: cipher)
                offset = found.cipher.keyLength
            case .nobody(let why):
                return refuse(why, buffer)
            }
        }
        guard let user, var reader = chunks else { return .needMore }
        do {
            while true {
                // The reader is kept only behind a whole chunk, so that the codec can begin in front of the last one.
                guard
                    var rest = buffer.getSlice(
                        at: buffer.readerIndex + offset, length: buffer.readableBytes - offset)
                else { return .needMore }
                let before = reader
                let available = rest.readableBytes
                guard var plain = try reader.read(&rest) else { return .needMore }
                let chunkLength = plain.readableBytes
                request.writeBuffer(&plain)
                var address = request
                guard let (host, port) = try AddressForm.portLast.read(&address, typeMask: 0x0f) else {
                    chunks = reader
                    offset += available - rest.readableBytes
                    continue
                }
                let payload = address.readableBytes
                buffer.moveReaderIndex(forwardBy: offset + (payload == 0 ? available - rest.readableBytes : 0))
                let codec = ShadowsocksCodec(
                    server: user, uplink: payload == 0 ? reader : before,
                    skip: payload == 0 ? 0 : chunkLength - payload, salts: salts)
                return serve(Destination(network: .tcp, address: host, port: port), user, codec)
            }
        } catch {
            return refuse("bad header", buffer)
        }
    }

    private func serve(_ target: Destination, _ user: ShadowsocksUser, _ codec: ShadowsocksCodec) -> HandshakeStep {
        return .stream(StreamRequest(target: target, user: user.user, codec: codec))
    }

    private func refuse(_ reason: String, _ buffer: ByteBuffer) -> HandshakeStep {
        .reject(HandshakeRejection(reason, drain: drain.left(after: buffer.readableBytes)))
    }

    private func find(_ buffer: ByteBuffer) -> ShadowsocksUsers.Search<AEADCipher> {
        users.find(from: source.map { Endpoint(ip: $0, port: 0) }) { user in
            let length = user.cipher.keyLength
            guard let salt = buffer.getBytes(at: buffer.readerIndex, length: length),
                let sealed = buffer.getSlice(
                    at: buffer.readerIndex + length, length: ShadowsocksChunks.lengthField)
            else { return nil }
            let cipher = user.cipher.session(masterKey: user.masterKey, salt: salt)
            return (try? cipher.open(sealed, nonce: AEADNonce())) == nil ? nil : cipher
        }
    }
}
