// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Reads a VMess request with an AEAD header, in any number of pieces.
///
/// A request that is not genuine is refused after as many bytes as the server always reads; one that is genuine and
/// cannot be served is refused at once.
package struct VMessHandshake: StreamHandshake {
    /// Identifier, sealed length and nonce.
    private static let prefixLength = 16 + 2 + AEADCipher.tagLength + 8

    private let server: VMessServer
    private let source: IPAddress?
    private var user: VMessUser?
    private var headerLength: Int?

    package init(server: VMessServer, source: IPAddress? = nil) {
        self.server = server
        self.source = source
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        guard let identifier = buffer.getBytes(at: buffer.readerIndex, length: 16) else { return .needMore }
        if user == nil {
            switch server.match(AESBlock.Block(identifier), from: source) {
            case .user(let found): user = found
            case .refused(let reason): return drain(reason, buffer)
            }
        }
        guard let user, buffer.readableBytes >= Self.prefixLength,
            let sealedLength = buffer.getSlice(at: buffer.readerIndex + 16, length: 2 + AEADCipher.tagLength),
            let nonce = buffer.getBytes(at: buffer.readerIndex + 34, length: 8)
        else { return .needMore }
        do {
            if headerLength == nil {
                let plain = try Self.open(sealedLength, "_Length", user, identifier, nonce)
                headerLength = plain.getInteger(at: plain.readerIndex, as: UInt16.self).map(Int.init)
            }
            let length = (headerLength ?? 0) + AEADCipher.tagLength
            guard let sealed = buffer.getSlice(at: buffer.readerIndex + Self.prefixLength, length: length) else {
                return .needMore
            }
            let header = try Self.open(sealed, "", user, identifier, nonce)
            buffer.moveReaderIndex(forwardBy: Self.prefixLength + length)
            return serve(header, user)
        } catch {
            return drain("bad header", buffer)
        }
    }

    private static func open(
        _ sealed: ByteBuffer, _ part: String, _ user: VMessUser, _ identifier: [UInt8], _ nonce: [UInt8]
    ) throws(ProtocolError) -> ByteBuffer {
        let (cipher, iv) = VMessKeys.header(part, user.commandKey, identifier, nonce)
        return try cipher.open(sealed, nonce: iv, authenticating: identifier)
    }

    private func drain(_ reason: String, _ buffer: ByteBuffer) -> HandshakeStep {
        .reject(HandshakeRejection(reason, drain: server.drain.left(after: buffer.readableBytes)))
    }

    private func serve(_ header: ByteBuffer, _ user: VMessUser) -> HandshakeStep {
        let request: VMessRequest
        do { request = try VMessRequest(header) } catch { return .reject(HandshakeRejection("bad header")) }
        guard server.admit(user.id, key: request.key, iv: request.iv) else {
            return .reject(HandshakeRejection("replayed request"))
        }
        guard let command = request.command else { return .reject(HandshakeRejection("unknown command")) }
        guard let target = command == .mux ? .mux : request.target else {
            return .reject(HandshakeRejection("bad address"))
        }
        guard let body = VMessBody(request) else { return .reject(HandshakeRejection("unknown security")) }
        guard let response = try? body.responseHeader() else { return .reject(HandshakeRejection("bad header")) }
        if command == .udp {
            return .packets(
                PacketRequest(
                    target: target, user: user.user, responseHeader: response, codec: VMessPacketCodec(server: body)))
        }
        return .stream(
            StreamRequest(target: target, user: user.user, responseHeader: response, codec: VMessCodec(server: body)))
    }
}
