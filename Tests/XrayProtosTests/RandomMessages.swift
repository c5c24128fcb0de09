// SPDX-License-Identifier: Apache-2.0

import XrayProtos

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Makes messages with random values, down to a depth.
struct RandomMessages {
    var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func message(_ descriptor: MessageDescriptor, depth: Int = 3) -> DynamicMessage {
        var message = DynamicMessage(descriptor)
        for field in descriptor.fields where Int.random(in: 0..<4, using: &generator) > 0 {
            if field.kind == .message, field.cardinality != .map, depth == 0 { continue }
            switch field.cardinality {
            case .single:
                let value = value(field, depth: depth)
                if field.hasPresence || !isZero(value) { message[number: field.number] = value }
            case .list:
                let count = Int.random(in: 1...3, using: &generator)
                message[number: field.number] = .list((0..<count).map { _ in value(field, depth: depth) })
            case .map:
                guard let key = field.messageType?.mapKey, let content = field.messageType?.mapValue else { continue }
                var entries: [DynamicKey: DynamicValue] = [:]
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    entries[self.key(key)] = value(content, depth: depth)
                }
                message[number: field.number] = .map(entries)
            }
        }
        return message
    }

    private mutating func key(_ field: FieldDescriptor) -> DynamicKey {
        switch value(field, depth: 0) {
        case .int(let value): .int(value)
        case .uint(let value): .uint(value)
        case .bool(let value): .bool(value)
        case .string(let value): .string(value)
        default: .string("")
        }
    }

    private mutating func value(_ field: FieldDescriptor, depth: Int) -> DynamicValue {
        let bits = UInt64.random(in: .min ... .max, using: &generator) >> UInt64.random(in: 0...63, using: &generator)
        switch field.kind {
        case .int32, .sint32, .sfixed32: return .int(Int64(Int32(truncatingIfNeeded: bits)))
        case .int64, .sint64, .sfixed64: return .int(Int64(bitPattern: bits))
        case .uint32, .fixed32: return .uint(UInt64(UInt32(truncatingIfNeeded: bits)))
        case .uint64, .fixed64: return .uint(bits)
        case .double: return .double(Double(Int64(bitPattern: bits)) / 1024)
        case .float: return .float(Float(Int32(truncatingIfNeeded: bits)) / 1024)
        case .bool: return .bool(bits & 1 == 1)
        case .string: return .string(["", "a", "user>>>é>>>traffic", "名前", "\u{0}", "\"\\\n"][Int(bits % 6)])
        case .bytes: return .bytes((0..<(bits % 5)).map { UInt8(truncatingIfNeeded: bits >> ($0 * 8)) })
        case .enumeration:
            let declared = field.enumType?.values ?? []
            if declared.isEmpty || bits % 8 == 0 { return .enumeration(Int32(truncatingIfNeeded: bits)) }
            return .enumeration(declared[Int(bits % UInt64(declared.count))].number)
        case .message:
            guard let type = field.messageType else { return .list([]) }
            return .message(message(type, depth: depth - 1))
        }
    }

    private func isZero(_ value: DynamicValue) -> Bool {
        switch value {
        case .int(0), .uint(0), .double(0), .float(0), .bool(false), .string(""), .bytes([]), .enumeration(0): true
        default: false
        }
    }
}
