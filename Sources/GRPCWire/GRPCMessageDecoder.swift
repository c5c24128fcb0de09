// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Takes apart the length-prefixed messages of one direction of a call, and inflates them.
struct GRPCMessageDecoder {
    /// What `grpc-encoding` announced.
    enum Compression: Hashable {
        case identity
        case gzip
        case unsupported(String)
    }

    private static let prefixLength = 5

    var compression = Compression.identity
    /// The largest message in octets, before and after inflating.
    var limit: Int
    private var buffer = ByteBuffer()

    init(limit: Int) {
        self.limit = limit
    }

    /// Octets of a message that is not yet complete.
    var bufferedBytes: Int { buffer.readableBytes }

    /// Takes the octets over. When nothing was left over the slice is kept as it is, without a copy; call ``settle()`` after
    /// the last ``next()`` so that a rest does not hold on to the whole of the buffer that it was received in.
    mutating func append(_ slice: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = slice
        } else {
            buffer.writeImmutableBuffer(slice)
        }
    }

    /// Copies an incomplete message out of the buffer that it was received in.
    mutating func settle() {
        if buffer.readableBytes == 0 {
            buffer = ByteBuffer()
        } else if buffer.readerIndex > 0 || buffer.storageCapacity > 2 * buffer.readableBytes + 1024 {
            buffer = ByteBuffer(bytes: buffer.readableBytesView)
        }
    }

    mutating func reset() {
        buffer = ByteBuffer()
        compression = .identity
    }

    /// The next complete message, or nil when more octets are needed. The errors have the texts of grpc-go.
    mutating func next() throws(GRPCStatus) -> ByteBuffer? {
        guard let flag: UInt8 = buffer.getInteger(at: buffer.readerIndex),
            let length: UInt32 = buffer.getInteger(at: buffer.readerIndex + 1)
        else { return nil }
        guard flag <= 1 else {
            throw GRPCStatus(.internal, "grpc: received unexpected payload format \(flag)")
        }
        let size = Int(length)
        guard size <= limit else {
            throw GRPCStatus(.resourceExhausted, "grpc: received message larger than max (\(size) vs. \(limit))")
        }
        guard buffer.readableBytes >= Self.prefixLength + size else { return nil }
        buffer.moveReaderIndex(forwardBy: Self.prefixLength)
        guard let message = buffer.readSlice(length: size) else { return nil }
        return flag == 0 ? message : try inflate(message)
    }

    private func inflate(_ message: ByteBuffer) throws(GRPCStatus) -> ByteBuffer {
        switch compression {
        case .identity:
            throw GRPCStatus(.internal, "grpc: compressed flag set with identity or empty encoding")
        case .unsupported(let name):
            throw GRPCStatus(
                .unimplemented, "grpc: Decompressor is not installed for grpc-encoding \"\(name)\"")
        case .gzip:
            do throws(Gzip.InflateFailure) {
                return try Gzip.inflate(message, limit: limit)
            } catch {
                switch error {
                case .tooLarge:
                    throw GRPCStatus(
                        .resourceExhausted, "grpc: received message after decompression larger than max \(limit)")
                case .malformed:
                    throw GRPCStatus(.internal, "grpc: failed to decompress the received message: gzip: invalid data")
                }
            }
        }
    }
}
