// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// The question of a DNS query, and the answers to it (RFC 1035 section 4.1).
package struct DNSQuery: Sendable {
    package enum RecordType {
        package static let a: UInt16 = 1
        package static let aaaa: UInt16 = 28
        fileprivate static let opt: UInt16 = 41
    }

    package enum Code {
        package static let success: UInt8 = 0
        package static let serverFailure: UInt8 = 2
        package static let noSuchName: UInt8 = 3
        package static let notImplemented: UInt8 = 4
        package static let refused: UInt8 = 5
    }

    private enum Flag {
        static let response: UInt16 = 0x8000
        static let truncated: UInt16 = 0x0200
        static let recursionDesired: UInt16 = 0x0100
        static let recursionAvailable: UInt16 = 0x0080
        static let opcode: UInt16 = 0x7800
    }

    private static let headerLength = 12
    private static let longestLabel = 63
    private static let longestName = 255
    /// Without EDNS (RFC 1035 section 4.2.1), and the most that is sent in one datagram with it.
    private static let datagramLimits = 512...1232
    private static let internetClass: UInt16 = 1
    /// A name that is a pointer to the question's, which begins behind the header.
    private static let pointerToQuestion = UInt16(0xc000 | headerLength)

    private let id: UInt16
    private let flags: UInt16
    /// Name, type and class as they came, which an answer repeats.
    private let question: ByteBuffer
    private let asksForOPT: Bool
    private let datagramLimit: Int

    package let type: UInt16
    private let questionClass: UInt16
    /// The labels with dots between, in lower case; empty for the root. May hold any bytes but a dot within a label.
    package let name: String
    /// The name is one that a host can have: letters, digits, `-` and `_`.
    package let isHostName: Bool

    /// A standard query for the internet's records; others cannot be answered here.
    package var isStandard: Bool { flags & Flag.opcode == 0 && questionClass == Self.internetClass }
    package var asksForAddresses: Bool { type == RecordType.a || type == RecordType.aaaa }

    /// Reads the first question, which is all that servers look at. Nil for a response, for a message without a question, and for
    /// one that is cut off or whose name breaks the rules. A compressed name breaks them: nothing that it could point at comes
    /// before the first question.
    package init?(_ message: ByteBuffer) {
        var rest = message
        guard let id = rest.readInteger(as: UInt16.self), let flags = rest.readInteger(as: UInt16.self),
            flags & Flag.response == 0, let questions = rest.readInteger(as: UInt16.self), questions > 0,
            let others = rest.readInteger(as: UInt32.self), let additional = rest.readInteger(as: UInt16.self)
        else { return nil }
        let start = rest.readerIndex
        guard let labels = Self.readName(&rest), let type = rest.readInteger(as: UInt16.self),
            let questionClass = rest.readInteger(as: UInt16.self),
            let question = message.getSlice(at: start, length: rest.readerIndex - start)
        else { return nil }
        self.id = id
        self.flags = flags
        self.question = question
        self.type = type
        self.questionClass = questionClass
        name = String(decoding: Array(labels.joined(separator: [UInt8(ascii: ".")])), as: UTF8.self).lowercased()
        isHostName = labels.allSatisfy { $0.allSatisfy(Self.isHostByte) }
        let size = questions == 1 && others == 0 && additional > 0 ? Self.readOPT(&rest) : nil
        asksForOPT = size != nil
        let limits = Self.datagramLimits
        datagramLimit = min(max(size ?? 0, limits.lowerBound), limits.upperBound)
    }

    /// Nil for a name that is cut off, compressed or too long, and for a label with a dot inside, which would read as two.
    private static func readName(_ rest: inout ByteBuffer) -> [ByteBufferView]? {
        var labels: [ByteBufferView] = []
        var length = 1
        while let count = rest.readInteger(as: UInt8.self) {
            guard count > 0 else { return labels }
            length += Int(count) + 1
            guard count <= longestLabel, length <= longestName,
                let label = rest.readSlice(length: Int(count))?.readableBytesView, !label.contains(UInt8(ascii: "."))
            else { return nil }
            labels.append(label)
        }
        return nil
    }

    /// The size of datagrams that the client takes, when the next record is an OPT (RFC 6891 section 6.1.2).
    private static func readOPT(_ rest: inout ByteBuffer) -> Int? {
        guard rest.readInteger(as: UInt8.self) == 0, rest.readInteger(as: UInt16.self) == RecordType.opt else {
            return nil
        }
        return rest.readInteger(as: UInt16.self).map(Int.init)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// An answer with those of the addresses that the question is for.
    ///
    /// - Parameters:
    ///   - code: Four bits.
    ///   - lifetime: Seconds for which the answer may be kept.
    ///   - inDatagram: Addresses that do not fit a datagram of the client's size are left out, and the answer says so.
    package func answer(
        code: UInt8, addresses: [IPAddress] = [], lifetime: UInt32 = 0, inDatagram: Bool
    ) -> ByteBuffer {
        let addresses = addresses.filter { $0.isIPv4 ? type == RecordType.a : type == RecordType.aaaa }
        let recordLength = type == RecordType.a ? 16 : 28
        let room = inDatagram ? datagramLimit : Int(UInt16.max)
        let taken = Self.headerLength + question.readableBytes + (asksForOPT ? 11 : 0)
        let count = min(addresses.count, max(0, (room - taken) / recordLength))
        var bytes = ByteBuffer()
        bytes.reserveCapacity(taken + count * recordLength)
        bytes.writeInteger(id)
        bytes.writeInteger(
            Flag.response | flags & (Flag.opcode | Flag.recursionDesired) | Flag.recursionAvailable
                | (count < addresses.count ? Flag.truncated : 0) | UInt16(code & 0x0f))
        bytes.writeMultipleIntegers(UInt16(1), UInt16(count), UInt16(0), UInt16(asksForOPT ? 1 : 0))
        bytes.writeImmutableBuffer(question)
        for ip in addresses.prefix(count) {
            bytes.writeMultipleIntegers(Self.pointerToQuestion, type, Self.internetClass, lifetime)
            bytes.writeInteger(UInt16(ip.isIPv4 ? 4 : 16))
            bytes.writeBytes(ip.bytes)
        }
        if asksForOPT {
            bytes.writeMultipleIntegers(UInt8(0), RecordType.opt, UInt16(Self.datagramLimits.upperBound))
            bytes.writeMultipleIntegers(UInt32(0), UInt16(0))
        }
        return bytes
    }
}
