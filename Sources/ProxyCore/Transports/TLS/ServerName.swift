// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Sniffing

/// The name of a TLS server (SNI), by which a certificate is picked.
enum ServerName {
    enum Outcome: Equatable {
        case needMore
        /// Lower case, without a trailing dot; empty when the client names none.
        case name(String)
        /// It is no ClientHello.
        case invalid
    }

    /// The largest hello that is waited for; the largest in use, with post-quantum keys, have 2 KiB.
    static let limit = 32 * 1024
    /// A hello in more records than this is somebody's attempt to have it parsed again and again.
    private static let recordLimit = 16

    /// Reads the name in a ClientHello that may be cut into several records, and leaves `buffer` where it is. (Sniffing looks at
    /// the first record only.)
    static func peek(_ buffer: ByteBuffer) -> Outcome {
        var records = buffer
        var message = ByteBuffer()
        for _ in 0..<recordLimit {
            guard let type = records.readInteger(as: UInt8.self) else { return .needMore }
            guard type == 22 else { return .invalid }
            guard let major = records.readInteger(as: UInt8.self) else { return .needMore }
            guard major == 3 else { return .invalid }
            guard records.readInteger(as: UInt8.self) != nil, let length = records.readInteger(as: UInt16.self) else {
                return .needMore
            }
            guard length > 0, length <= 16_384 else { return .invalid }
            if message.readableBytes == 0, let first = records.getInteger(at: records.readerIndex, as: UInt8.self) {
                guard first == 1 else { return .invalid }
            }
            guard var fragment = records.readSlice(length: Int(length)) else {
                return buffer.readableBytes > limit ? .invalid : .needMore
            }
            if message.readableBytes == 0 { message = fragment } else { message.writeBuffer(&fragment) }
            guard let head = message.getInteger(at: message.readerIndex, as: UInt32.self) else { continue }
            let size = Int(head & 0xff_ffff)
            guard size <= limit else { return .invalid }
            guard message.readableBytes >= size + 4 else { continue }
            switch ClientHello.serverName(in: message) {
            case .name(let name): return .name(normalized(String(buffer: name)))
            case .none: return .name("")
            case .needsMore, .malformed: return .invalid
            }
        }
        return .invalid
    }

    static func normalized(_ name: String) -> String {
        let name = name.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }
}
