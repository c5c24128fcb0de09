// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import ProxyCore

/// The body of a Shadowsocks stream, on either side. There is no mark for the end; TCP's own is used.
package final class ShadowsocksCodec: StreamCodec {
    private let user: ShadowsocksUser
    private let salts: ShadowsocksSalts?
    /// Nil on the client's side until the server's salt was read.
    private var reader: ChunkReader<ShadowsocksChunks>?
    /// Bytes of the first payload that belong to the request.
    private var skip: Int
    /// Nil on the server's side until the first bytes are sent, a fresh salt in front of them.
    private var writer: ShadowsocksChunks?
    package let sawEnd = false

    /// - Parameters:
    ///   - uplink: the reader in front of the first chunk that holds payload.
    ///   - skip: how many bytes of that chunk are the end of the request's address.
    ///   - salts: the server's, where that of the answer goes: what it sends would read as a request.
    package init(
        server user: ShadowsocksUser, uplink: ShadowsocksChunks, skip: Int, salts: ShadowsocksSalts? = nil
    ) {
        self.user = user
        self.salts = salts
        reader = ChunkReader(uplink)
        self.skip = skip
    }

    /// - Parameter uplink: the writer behind the request.
    package init(client user: ShadowsocksUser, uplink: ShadowsocksChunks) {
        self.user = user
        salts = nil
        skip = 0
        writer = uplink
    }

    package func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer? {
        if reader == nil {
            guard let salt = buffer.readBytes(length: user.cipher.keyLength) else { return nil }
            reader = ChunkReader(ShadowsocksChunks(cipher: user.cipher.session(masterKey: user.masterKey, salt: salt)))
        }
        guard var payload = try reader?.readAll(&buffer) else { return nil }
        payload.moveReaderIndex(forwardBy: min(skip, payload.readableBytes))
        skip = 0
        return payload
    }

    package func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 0)
        if writer == nil {
            let salt = RandomBytes.array(user.cipher.keyLength)
            _ = salts?.insert(salt)
            buffer.writeBytes(salt)
            writer = ShadowsocksChunks(cipher: user.cipher.session(masterKey: user.masterKey, salt: salt))
        }
        try? writer?.write(payload, into: &buffer)
        return buffer
    }

    package func finish(allocator: ByteBufferAllocator) -> ByteBuffer? { nil }
}
