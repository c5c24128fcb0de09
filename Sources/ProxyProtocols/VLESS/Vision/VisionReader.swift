// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore

/// Takes the padded blocks of Vision off one direction: command, two lengths, content, padding; the first one behind the
/// user's id.
struct VisionReader {
    private enum State {
        case start
        case head
        case content(Int, padding: Int)
        case padding(Int)
        case plain
    }

    private static let idLength = 16
    private static let headLength = 5

    private let id: [UInt8]
    private var state = State.start
    private var last: VisionCommand?
    /// What follows comes past the outer TLS.
    private(set) var isDirect = false

    init(id: [UInt8]) {
        self.id = id
    }

    /// No more blocks come.
    var isPlain: Bool { if case .plain = state { true } else { false } }

    /// The next payload; nil = nothing yet. Payload without a block from the start on passes as it is.
    mutating func read(_ buffer: inout ByteBuffer) throws(ProtocolError) -> ByteBuffer? {
        while buffer.readableBytes > 0 {
            switch state {
            case .start:
                let start = buffer.readableBytesView.prefix(Self.idLength)
                guard id.starts(with: start) else {
                    state = .plain
                    continue
                }
                guard buffer.readableBytes >= Self.idLength + Self.headLength else { return nil }
                buffer.moveReaderIndex(forwardBy: Self.idLength)
                state = .head
            case .head:
                guard let (code, content, padding) = buffer.readMultipleIntegers(as: (UInt8, UInt16, UInt16).self)
                else {
                    return nil
                }
                guard let command = VisionCommand(rawValue: code) else {
                    throw ProtocolError(.malformed, "Vision block of unknown command \(code)")
                }
                last = command
                state = .content(Int(content), padding: Int(padding))
            case .content(let left, let padding):
                let part = buffer.readSlice(length: min(left, buffer.readableBytes))
                let rest = left - (part?.readableBytes ?? 0)
                state = rest > 0 ? .content(rest, padding: padding) : .padding(padding)
                if rest == 0, padding == 0 { blockEnded() }
                if let part, part.readableBytes > 0 { return part }
            case .padding(let left):
                let count = min(left, buffer.readableBytes)
                buffer.moveReaderIndex(forwardBy: count)
                if count == left { blockEnded() } else { state = .padding(left - count) }
            case .plain:
                return buffer.readSlice(length: buffer.readableBytes)
            }
        }
        return nil
    }

    private mutating func blockEnded() {
        switch last {
        case .end: state = .plain
        case .direct:
            state = .plain
            isDirect = true
        case .continue, nil: state = .head
        }
    }
}

/// What a block says of the ones behind it.
enum VisionCommand: UInt8 {
    case `continue` = 0
    /// No more blocks; payload follows inside of the outer TLS.
    case end = 1
    /// No more blocks; payload follows past the outer TLS.
    case direct = 2
}
