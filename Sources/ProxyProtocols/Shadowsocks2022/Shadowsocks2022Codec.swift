// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import ProxyCore

/// The body of a stream of the 2022 edition, on either side. What the server sends begins with a header that names the
/// request's salt, so that an answer fits one request only.
package final class Shadowsocks2022Codec: StreamCodec {
    private let method: Shadowsocks2022Method
    private let key: [UInt8]
    /// The request's.
    private let salt: [UInt8]
    private let now: Shadowsocks2022Clock.Now
    /// Nil on the client's side until the response's header was read.
    private var reader: ChunkReader<ShadowsocksChunks>?
    /// Bytes of the first payload that belong to the request.
    private var skip: Int
    /// Nil on the server's side until the first bytes are sent.
    private var writer: ShadowsocksChunks?
    package let sawEnd = false

    /// The server's side; the reader is in front of the first chunk that holds payload, of which `skip` bytes are the
    /// request's.
    init(
        method: Shadowsocks2022Method, key: [UInt8], salt: [UInt8], uplink: ShadowsocksChunks, skip: Int,
        now: @escaping Shadowsocks2022Clock.Now
    ) {
        self.method = method
        self.key = key
        self.salt = salt
        self.now = now
        self.skip = skip
        reader = ChunkReader(uplink)
    }

    /// The client's side; the writer is behind the request.
    init(
        method: Shadowsocks2022Method, key: [UInt8], salt: [UInt8], client uplink: ShadowsocksChunks,
        now: @escaping Shadowsocks2022Clock.Now
    ) {
        self.method = method
        self.key = key
        self.salt = salt
        self.now = now
        skip = 0
        writer = uplink
    }

    package func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer? {
        if reader == nil {
            guard let chunks = try readResponseHeader(&buffer) else { return nil }
            reader = ChunkReader(chunks)
        }
        guard var payload = try reader?.readAll(&buffer) else { return nil }
        payload.moveReaderIndex(forwardBy: min(skip, payload.readableBytes))
        skip = 0
        return payload
    }

    package func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 0)
        guard payload.readableBytes > 0 else { return buffer }
        if writer != nil {
            try? writer?.write(payload, into: &buffer)
        } else {
            try? writeResponse(payload, into: &buffer)
        }
        return buffer
    }

    package func finish(allocator: ByteBufferAllocator) -> ByteBuffer? { nil }

    /// A fresh salt, the header, the first payload, whose length is in the header, and the rest in chunks.
    private func writeResponse(_ payload: ByteBuffer, into buffer: inout ByteBuffer) throws {
        var rest = payload
        guard let first = rest.readSlice(length: min(rest.readableBytes, ShadowsocksChunks.payloadLimit)) else {
            return
        }
        let ownSalt = RandomBytes.array(method.keyLength)
        let cipher = method.session(key: key, salt: ownSalt)
        var header = ByteBuffer(bytes: [1])
        header.writeInteger(now())
        header.writeBytes(salt)
        header.writeInteger(UInt16(clamping: first.readableBytes))
        buffer.writeBytes(ownSalt)
        try cipher.seal(header, nonce: AEADNonce(littleEndian: 0), into: &buffer)
        try cipher.seal(first, nonce: AEADNonce(littleEndian: 1), into: &buffer)
        writer = ShadowsocksChunks(cipher: cipher, counter: 2)
        try writer?.write(rest, into: &buffer)
    }

    /// The reader in front of the first payload; nil when the header is not complete yet.
    private func readResponseHeader(_ buffer: inout ByteBuffer) throws(ProtocolError) -> ShadowsocksChunks? {
        var rest = buffer
        guard let ownSalt = rest.readBytes(length: method.keyLength),
            let sealed = rest.readSlice(length: 1 + 8 + method.keyLength + 2 + AEADCipher.tagLength)
        else { return nil }
        let cipher = method.session(key: key, salt: ownSalt)
        var header = try cipher.open(sealed, nonce: AEADNonce(littleEndian: 0))
        guard header.readInteger(as: UInt8.self) == 1, let time = header.readInteger(as: UInt64.self),
            header.readBytes(length: method.keyLength) == salt, let length = header.readInteger(as: UInt16.self)
        else { throw ProtocolError(.malformed, "Shadowsocks response to another request") }
        guard Shadowsocks2022Clock.accepts(time, now: now()) else {
            throw ProtocolError(.malformed, "Shadowsocks response of another time")
        }
        buffer = rest
        return ShadowsocksChunks(cipher: cipher, readLimit: Int(UInt16.max), counter: 1, pending: Int(length))
    }
}
