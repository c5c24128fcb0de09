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

    /// The next part of what was received; nil = more is needed. Consumes what it gives.
    mutating func next(_ buffer: inout ByteBuffer) throws(Violation) -> Event? {
        while true {
            if left > 0 {
                let count = Int(min(left, UInt64(buffer.readableBytes)))
                guard count > 0, let part = buffer.readSlice(length: count) else { return nil }
                left -= UInt64(count)
                return .data(role == .server ? Mask.applied(to: part, key: &key) : part)
            }
            guard let header = try readHeader(&buffer) else { return nil }
            switch header.opcode {
            case Opcode.continuation, Opcode.text, Opcode.binary:
                guard (header.opcode == Opcode.continuation) == isInMessage else {
                    throw Violation(isInMessage ? "a new message inside another" : "a continuation of no message")
                }
                isInMessage = !header.isFinal
                left = header.length
                key = header.key
            default:
                guard let payload = buffer.readSlice(length: Int(header.length)) else { return nil }
                var key = header.key
                switch header.opcode {
                case Opcode.close: return .close
                case Opcode.ping: return .ping(role == .server ? Mask.applied(to: payload, key: &key) : payload)
                default: return .pong
                }
            }
        }
    }

    private struct Header {
        var isFinal: Bool
        var opcode: UInt8
        var length: UInt64
        var key: UInt32
    }

    /// Nil, with the buffer where it was, while a header (and a control frame's payload) is not complete.
    private func readHeader(_ buffer: inout ByteBuffer) throws(Violation) -> Header? {
        var rest = buffer
        guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else {
            return nil
        }
        guard first & 0x70 == 0 else { throw Violation("reserved bits are set") }
        let opcode = first & 0x0f
        let isControl = opcode >= Opcode.close
        guard opcode <= Opcode.binary || isControl && opcode <= Opcode.pong else {
            throw Violation("unknown opcode \(opcode)")
        }
        guard (second & 0x80 != 0) == (role == .server) else {
            throw Violation(role == .server ? "a frame without a mask" : "a masked frame")
        }
        var length = UInt64(second & 0x7f)
        if isControl, length > Self.controlLimit || first & 0x80 == 0 { throw Violation("a control frame too long") }
        if length == 126 {
            guard let long = rest.readInteger(as: UInt16.self) else { return nil }
            length = UInt64(long)
        } else if length == 127 {
            guard let long = rest.readInteger(as: UInt64.self) else { return nil }
            guard long <= Int64.max else { throw Violation("a frame of \(long) bytes") }
            length = long
        }
        var key: UInt32 = 0
        if role == .server {
            guard let bytes = rest.readInteger(endianness: .little, as: UInt32.self) else { return nil }
            key = bytes
        }
        if isControl, rest.readableBytes < Int(length) { return nil }
        buffer = rest
        return Header(isFinal: first & 0x80 != 0, opcode: opcode, length: length, key: key)
    }

    // MARK: Sending

    /// A binary frame: one buffer, or a header and the payload as it is.
    func data(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> (head: ByteBuffer, rest: ByteBuffer?) {
        let count = payload.readableBytes
        if role == .client {
            var key = UInt32.random(in: .min ... .max)
            var frame = allocator.buffer(capacity: count + 14)
            writeHeader(Opcode.binary, count, key: key, into: &frame)
            Mask.write(payload, key: &key, into: &frame)
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
        var key = role == .client ? UInt32.random(in: .min ... .max) : 0
        var frame = allocator.buffer(capacity: payload.readableBytes + 6)
        writeHeader(opcode, payload.readableBytes, key: key, into: &frame)
        if role == .client { Mask.write(payload, key: &key, into: &frame) } else { frame.writeImmutableBuffer(payload) }
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
    /// The payload in the clear, in a buffer of its own, which costs no more than to write over the bytes where they are. The
    /// key is turned to where the next part goes on.
    static func applied(to payload: ByteBuffer, key: inout UInt32) -> ByteBuffer {
        var clear = ByteBufferAllocator().buffer(capacity: payload.readableBytes)
        write(payload, key: &key, into: &clear)
        return clear
    }

    static func write(_ payload: ByteBuffer, key: inout UInt32, into buffer: inout ByteBuffer) {
        let count = payload.readableBytes
        guard count > 0 else { return }
        let start = key
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            payload.withUnsafeReadableBytes { source in
                transform(source, into: target, key: start)
            }
            return count
        }
        let turn = UInt32(count % 4) * 8
        if turn > 0 { key = key >> turn | key << (32 - turn) }
    }

    private static func transform(
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
