// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import ProxyCore

/// The body of a Shadowsocks stream, on the server's side. There is no mark for the end; TCP's own is used.
package final class ShadowsocksCodec: StreamCodec {
    private var uplink: ShadowsocksChunks
    /// Bytes of the first payload that belong to the request.
    private var skip: Int
    private let user: ShadowsocksUser
    private var downlink: ShadowsocksChunks?
    package let sawEnd = false

    /// - Parameters:
    ///   - uplink: the reader in front of the first chunk that holds payload.
    ///   - skip: how many bytes of that chunk are the end of the request's address.
    package init(user: ShadowsocksUser, uplink: ShadowsocksChunks, skip: Int) {
        self.user = user
        self.uplink = uplink
        self.skip = skip
    }

    package func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer? {
        guard var payload = try uplink.read(&buffer) else { return nil }
        payload.moveReaderIndex(forwardBy: min(skip, payload.readableBytes))
        skip = 0
        return payload
    }

    /// A fresh salt goes in front of the first bytes.
    package func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        let chunks = payload.readableBytes / ShadowsocksChunks.payloadLimit + 1
        var buffer = allocator.buffer(capacity: 32 + payload.readableBytes + chunks * 34)
        if downlink == nil {
            let salt = (0..<user.cipher.keyLength).map { _ in UInt8.random(in: .min ... .max) }
            buffer.writeBytes(salt)
            downlink = ShadowsocksChunks(cipher: user.cipher.session(masterKey: user.masterKey, salt: salt))
        }
        try? downlink?.write(payload, into: &buffer)
        return buffer
    }

    package func finish(allocator: ByteBufferAllocator) -> ByteBuffer? { nil }
}
