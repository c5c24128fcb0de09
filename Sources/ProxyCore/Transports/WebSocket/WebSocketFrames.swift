// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The framing of WebSocket (RFC 6455 section 5), as a byte stream: the borders of messages carry no meaning here, so a
/// frame's payload is handed on as it arrives and never gathered.
struct WebSocketFrames {
    enum Role {
        /// Receives masked frames, sends bare ones.
        case server
        case client
    }

    enum Event: Equatable {
        case data(ByteBuffer)
        case ping(ByteBuffer)
        case pong
        case close
    }

    struct Violation: Error, Equatable, CustomStringConvertible {
        var description: String
        init(_ description: String) { self.description = description }
    }

    private enum Opcode {
        static let continuation: UInt8 = 0
        static let text: UInt8 = 1
        static let binary: UInt8 = 2
        static let close: UInt8 = 8
        static let ping: UInt8 = 9
        static let pong: UInt8 = 10
    }

    /// Section 5.5: the longest payload of a control frame.
    private static let controlLimit = 125
    /// A frame up to this size is sent in one piece with its header; a larger one's payload is not copied for that.
    private static let joinLimit = 16 * 1024

    private let role: Role
    /// Bytes of the current data frame that have not come yet.
    private var left: UInt64 = 0
    /// The current frame's key, turned so that its lowest byte is for the next byte of payload.
    private var key: UInt32 = 0
    /// A message that began and has not ended.
    private var isInMessage = false

    init(role: Role) {
        self.role = role
    }

    /// The next part of what was received; nil = more is needed. Consumes what it gives. The payloads of frames that follow each
    /// other are given as one: peers send frames of 2 KiB, and what handles them costs more than to move them together.
    mutating func next(_ buffer: inout ByteBuffer) throws(Violation) -> Event? {
        var gathered: ByteBuffer?
        while true {
            if left > 0 {
                let count = Int(min(left, UInt64(buffer.readableBytes)))
                guard count > 0 else { break }
                left -= UInt64(count)
                if role == .client && gathered == nil && (count > Self.joinLimit || buffer.readableBytes == count) {
                    return buffer.readSlice(length: count).map(Event.data)
                }
                var data = gathered.take() ?? ByteBufferAllocator().buffer(capacity: buffer.readableBytes)
                move(count, from: &buffer, to: &data)
                gathered = data
                continue
            }
            let header: Header?
            do throws(Violation) {
                header = try readHeader(buffer)
            } catch {
                // What came before it is given first; the header stays, and is found again.
                if gathered != nil { break }
                throw error
            }
            guard let header else { break }
            if header.opcode >= Opcode.close {
                if gathered != nil { break }
                buffer.moveReaderIndex(forwardBy: header.size)
                return control(header, &buffer)
            }
            buffer.moveReaderIndex(forwardBy: header.size)
            isInMessage = !header.isFinal
            left = header.length
            key = header.key
        }
        return gathered.map(Event.data)
    }

    /// Payload of the current frame, in the clear.
    private mutating func move(_ count: Int, from buffer: inout ByteBuffer, to data: inout ByteBuffer) {
        data.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            buffer.readWithUnsafeReadableBytes { source in
                let source = UnsafeRawBufferPointer(rebasing: source.prefix(count))
                if role == .server {
                    Mask.transform(source, into: target, key: key)
                } else {
                    target.copyMemory(from: source)
                }
                return count
            }
            return count
        }
        key = Mask.turned(key, by: count)
    }

    private func control(_ header: Header, _ buffer: inout ByteBuffer) -> Event? {
        guard var payload = buffer.readSlice(length: Int(header.length)) else { return nil }
        switch header.opcode {
        case Opcode.close: return .close
        case Opcode.ping:
            if role == .server { payload = Mask.applied(to: payload, key: header.key) }
            return .ping(payload)
        default: return .pong
        }
    }

    private struct Header {
        var isFinal: Bool
        var opcode: UInt8
        var length: UInt64
        var key: UInt32
        /// Of the header itself.
        var size: Int
    }

    /// Nil while a header (and a control frame's payload) is not complete. Consumes nothing.
    private func readHeader(_ buffer: ByteBuffer) throws(Violation) -> Header? {
        var result: Result<Header?, Violation> = .success(nil)
        buffer.withUnsafeReadableBytes { bytes in
            do throws(Violation) { result = .success(try readHeader(bytes)) } catch { result = .failure(error) }
        }
        return try result.get()
    }

    private func readHeader(_ bytes: UnsafeRawBufferPointer) throws(Violation) -> Header? {
        guard bytes.count >= 2 else { return nil }
        let first = bytes[0]
        let second = bytes[1]
        guard first & 0x70 == 0 else { throw Violation("reserved bits are set") }
        let opcode = first & 0x0f
        let isControl = opcode >= Opcode.close
        guard opcode <= Opcode.binary || isControl && opcode <= Opcode.pong else {
            throw Violation("unknown opcode \(opcode)")
        }
        guard (second & 0x80 != 0) == (role == .server) else {
            throw Violation(role == .server ? "a frame without a mask" : "a masked frame")
        }
        guard isControl || (opcode == Opcode.continuation) == isInMessage else {
            throw Violation(isInMessage ? "a new message inside another" : "a continuation of no message")
        }
        var size = 2
        var length = UInt64(second & 0x7f)
        if isControl, length > Self.controlLimit || first & 0x80 == 0 { throw Violation("a control frame too long") }
        if length == 126 {
            guard bytes.count >= size + 2 else { return nil }
            length = UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: size, as: UInt16.self)))
            size += 2
        } else if length == 127 {
            guard bytes.count >= size + 8 else { return nil }
            length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: size, as: UInt64.self))
            guard length <= Int64.max else { throw Violation("a frame of \(length) bytes") }
            size += 8
        }
        var key: UInt32 = 0
        if role == .server {
            guard bytes.count >= size + 4 else { return nil }
            key = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: size, as: UInt32.self))
            size += 4
        }
        if isControl, bytes.count - size < Int(length) { return nil }
        return Header(isFinal: first & 0x80 != 0, opcode: opcode, length: length, key: key, size: size)
    }

    // MARK: Sending

    /// A binary frame: one buffer, or a header and the payload as it is.
    func data(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> (head: ByteBuffer, rest: ByteBuffer?) {
        let count = payload.readableBytes
        if role == .client {
            let key = UInt32.random(in: .min ... .max)
            var frame = allocator.buffer(capacity: count + 14)
            writeHeader(Opcode.binary, count, key: key, into: &frame)
            Mask.write(payload, key: key, into: &frame)
            return (frame, nil)
        }
        let isJoined = count <= Self.joinLimit
        var frame = allocator.buffer(capacity: isJoined ? count + 10 : 10)
        writeHeader(Opcode.binary, count, key: 0, into: &frame)
        guard isJoined else { return (frame, payload) }
        frame.writeImmutableBuffer(payload)
        return (frame, nil)
    }

    func pong(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        control(Opcode.pong, payload, allocator)
    }

    func ping(allocator: ByteBufferAllocator) -> ByteBuffer {
        control(Opcode.ping, ByteBuffer(), allocator)
    }

    /// A close frame with the status "normal closure".
    func close(allocator: ByteBufferAllocator) -> ByteBuffer {
        control(Opcode.close, ByteBuffer(bytes: [0x03, 0xe8]), allocator)
    }

    private func control(_ opcode: UInt8, _ payload: ByteBuffer, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        let key = role == .client ? UInt32.random(in: .min ... .max) : 0
        var frame = allocator.buffer(capacity: payload.readableBytes + 6)
        writeHeader(opcode, payload.readableBytes, key: key, into: &frame)
        if role == .client { Mask.write(payload, key: key, into: &frame) } else { frame.writeImmutableBuffer(payload) }
        return frame
    }

    private func writeHeader(_ opcode: UInt8, _ count: Int, key: UInt32, into frame: inout ByteBuffer) {
        let mask: UInt8 = role == .client ? 0x80 : 0
        frame.writeInteger(0x80 | opcode)
        if count < 126 {
            frame.writeInteger(mask | UInt8(count))
        } else if count <= UInt16.max {
            frame.writeInteger(mask | 126)
            frame.writeInteger(UInt16(count))
        } else {
            frame.writeInteger(mask | 127)
            frame.writeInteger(UInt64(count))
        }
        if role == .client { frame.writeInteger(key, endianness: .little) }
    }
}

/// The mask of client frames (RFC 6455 section 5.3): payload exclusive-or a key of four bytes, over and over. Key and words
/// are little-endian, so that the key's lowest byte is for the first byte.
private enum Mask {
    /// The payload in the clear, in a buffer of its own.
    static func applied(to payload: ByteBuffer, key: UInt32) -> ByteBuffer {
        var clear = ByteBufferAllocator().buffer(capacity: payload.readableBytes)
        write(payload, key: key, into: &clear)
        return clear
    }

    static func write(_ payload: ByteBuffer, key: UInt32, into buffer: inout ByteBuffer) {
        let count = payload.readableBytes
        guard count > 0 else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            payload.withUnsafeReadableBytes { source in
                transform(source, into: target, key: key)
            }
            return count
        }
    }

    /// The key for what follows `count` bytes.
    static func turned(_ key: UInt32, by count: Int) -> UInt32 {
        let turn = UInt32(count % 4) * 8
        return turn > 0 ? key >> turn | key << (32 - turn) : key
    }

    static func transform(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, key: UInt32
    ) {
        let wide = UInt64(key) << 32 | UInt64(key)
        let words = source.count / 8
        for word in 0..<words {
            let bytes = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: word &* 8, as: UInt64.self))
            target.storeBytes(of: (bytes ^ wide).littleEndian, toByteOffset: word &* 8, as: UInt64.self)
        }
        var rest = wide
        for index in words * 8..<source.count {
            target[index] = source[index] ^ UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
    }
}
