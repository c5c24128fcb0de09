// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What stands in front of payload in a tunnel: the prefix of a gRPC message, and the head of the field `data` of a `Hunk` or
/// `MultiHunk`, which are the same octets when the message has one piece.
enum Hunk {
    /// Payload that fills a DATA frame together with what stands in front of it.
    static let payloadLimit = 16_384 - 9
    /// The longest message that is taken, as by gRPC's own servers and clients.
    static let messageLimit = 4 * 1024 * 1024

    private static let field: UInt8 = 0x0a

    /// - Parameter payload: 1 to ``payloadLimit`` octets.
    static func prefixLength(_ payload: Int) -> Int {
        payload < 0x80 ? 7 : payload < 0x4000 ? 8 : 9
    }

    /// One octet of the prefix; `index` is below ``prefixLength(_:)``.
    static func prefix(_ payload: Int, at index: Int) -> UInt8 {
        switch index {
        case 0: return 0  // not compressed
        case 1...4:
            let message = payload + prefixLength(payload) - 5
            return UInt8(truncatingIfNeeded: message >> (8 * (4 - index)))
        case 5: return field
        default:
            let group = UInt8(truncatingIfNeeded: (payload >> (7 * (index - 6))) & 0x7f)
            return index + 1 < prefixLength(payload) ? group | 0x80 : group
        }
    }
}

/// Why the bytes of a tunnel are not messages of it.
enum HunkFault: Error, Equatable {
    case compressed
    case badFlag(UInt8)
    case tooLong(Int)
    case malformed
}

/// Takes the payload out of the messages of a tunnel's one direction. `Hunk` and `MultiHunk` are read alike, and messages need not
/// be complete: payload is passed on as it comes, in slices of what it came in, and nothing is kept but a few numbers.
struct HunkDecoder {
    private enum Place {
        case prefix
        case tag
        case payloadLength
        case otherLength
        case otherNumber
        case payload
        case other
    }

    private var place = Place.prefix
    /// A number that is being read, and how many octets of it there were.
    private var number: UInt64 = 0
    private var octets = 0
    /// Of the message.
    private var left = 0
    /// Of the field.
    private var rest = 0

    /// The stream may end here.
    var isBetweenMessages: Bool { place == .prefix && octets == 0 }

    /// The next piece of payload, never empty; nil when `buffer` is used up.
    mutating func next(_ buffer: inout ByteBuffer) throws(HunkFault) -> ByteBuffer? {
        while buffer.readableBytes > 0 {
            switch place {
            case .prefix:
                try readPrefix(&buffer)
            case .tag:
                if let tag = try readNumber(&buffer) { try begin(tag) }
            case .payloadLength, .otherLength:
                guard let length = try readNumber(&buffer) else { continue }
                guard length <= UInt64(left) else { throw .malformed }
                rest = Int(length)
                if rest == 0 { endField() } else { place = place == .payloadLength ? .payload : .other }
            case .otherNumber:
                if try readNumber(&buffer) != nil { endField() }
            case .payload, .other:
                let isPayload = place == .payload
                let count = min(rest, buffer.readableBytes)
                guard let piece = buffer.readSlice(length: count) else { return nil }
                rest -= count
                left -= count
                if rest == 0 { endField() }
                if isPayload { return piece }
            }
        }
        return nil
    }

    private mutating func readPrefix(_ buffer: inout ByteBuffer) throws(HunkFault) {
        guard let octet: UInt8 = buffer.readInteger() else { return }
        if octets == 0 {
            guard octet != 1 else { throw .compressed }
            guard octet == 0 else { throw .badFlag(octet) }
        }
        number = number << 8 | UInt64(octet)
        octets += 1
        guard octets == 5 else { return }
        left = Int(number)
        number = 0
        octets = 0
        guard left <= Hunk.messageLimit else { throw .tooLong(left) }
        if left > 0 { place = .tag }
    }

    /// A number of at most ten octets of seven bits (protobuf's base 128); nil when it is not complete.
    private mutating func readNumber(_ buffer: inout ByteBuffer) throws(HunkFault) -> UInt64? {
        while left > 0, let octet: UInt8 = buffer.readInteger() {
            guard octets < 9 || octets == 9 && octet < 2 else { throw .malformed }
            number |= UInt64(octet & 0x7f) << (7 * UInt64(octets))
            octets += 1
            left -= 1
            guard octet & 0x80 == 0 else { continue }
            let value = number
            number = 0
            octets = 0
            return value
        }
        if left == 0 { throw .malformed }
        return nil
    }

    private mutating func begin(_ tag: UInt64) throws(HunkFault) {
        guard tag >> 3 > 0, tag >> 3 < 1 << 29 else { throw .malformed }
        switch tag & 7 {
        case 0:
            place = .otherNumber
        case 1, 5:
            rest = tag & 7 == 1 ? 8 : 4
            guard rest <= left else { throw .malformed }
            place = .other
        case 2:
            place = tag >> 3 == 1 ? .payloadLength : .otherLength
        default:
            throw .malformed
        }
        if left == 0 { throw .malformed }
    }

    private mutating func endField() {
        place = left == 0 ? .prefix : .tag
    }
}
