// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import SwiftProtobuf

/// Lets protobuf messages be read from a `ByteBuffer` and written into one without a copy through `Data`.
struct MessageBytes: SwiftProtobufContiguousBytes {
    var buffer: ByteBuffer

    init(_ buffer: ByteBuffer) { self.buffer = buffer }

    init(repeating byte: UInt8, count: Int) {
        buffer = ByteBufferAllocator().buffer(capacity: count)
        buffer.writeRepeatingByte(byte, count: count)
    }

    init<Bytes: Sequence>(_ bytes: Bytes) where Bytes.Element == UInt8 {
        buffer = ByteBuffer(bytes: bytes)
    }

    var count: Int { buffer.readableBytes }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try buffer.withUnsafeReadableBytes(body)
    }

    mutating func withUnsafeMutableBytes<Result>(
        _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try buffer.withUnsafeMutableReadableBytes(body)
    }
}

/// A request from the bytes of a call; a failure carries grpc-go's text.
package func decodeRequest<Request: Message>(_ type: Request.Type, from bytes: ByteBuffer) throws -> Request {
    do {
        return try Request(serializedBytes: MessageBytes(bytes))
    } catch {
        throw ControlError(
            code: .malformed,
            "grpc: error unmarshalling request: \(ControlError.protobufPrefix)cannot parse invalid wire-format data")
    }
}

/// The bytes of a message, for a call.
package func encodeMessage(_ message: some Message) throws -> ByteBuffer {
    let bytes: MessageBytes = try message.serializedBytes()
    return bytes.buffer
}
