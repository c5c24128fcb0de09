// SPDX-License-Identifier: Apache-2.0

/// Names that a domain must equal, and names that it may also end in at a label's boundary.
///
/// A look-up is one pass from the domain's end to its head, which keeps the hash of the suffix seen so far and probes the
/// table at each dot: its cost depends on the domain's length only. Names lie in one array of bytes.
struct DomainNameTable: Sendable {
    struct Kind: OptionSet, Sendable {
        let rawValue: UInt8
        static let full = Kind(rawValue: 1)
        static let suffix = Kind(rawValue: 2)
    }

    private struct Entry {
        var hash: UInt64
        var start: UInt32
        var count: UInt32
        var kind: Kind
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// 1 + the entry's index, 0 for a free slot; linear probing, at most half full.
    private var slots: [UInt32] = [0, 0]

    var isEmpty: Bool { entries.isEmpty }

    mutating func insert(_ name: [UInt8], _ kind: Kind) {
        guard entries.count < 1 << 28, bytes.count + name.count < 1 << 31 else { return }
        let hash = Self.finish(name.reversed().reduce(Self.seed, Self.mix))
        if let index = find(hash, name[...]) {
            entries[index].kind.formUnion(kind)
            return
        }
        entries.append(Entry(hash: hash, start: UInt32(bytes.count), count: UInt32(name.count), kind: kind))
        bytes += name
        if entries.count * 2 > slots.count {
            slots = Array(repeating: 0, count: slots.count * 4)
            for index in entries.indices { place(index) }
        } else {
            place(entries.count - 1)
        }
    }

    func matches(_ domain: [UInt8]) -> Bool {
        var hash = Self.seed
        var index = domain.count
        while index > 0 {
            index -= 1
            let byte = domain[index]
            if byte == UInt8(ascii: "."), let found = find(Self.finish(hash), domain[(index + 1)...]),
                entries[found].kind.contains(.suffix)
            {
                return true
            }
            hash = Self.mix(hash, byte)
        }
        return find(Self.finish(hash), domain[...]) != nil
    }

    private func find(_ hash: UInt64, _ name: ArraySlice<UInt8>) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            let entry = entries[index]
            if entry.hash == hash, Int(entry.count) == name.count {
                let start = Int(entry.start)
                if bytes[start..<(start + name.count)] == name { return index }
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func place(_ index: Int) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: entries[index].hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(index + 1)
    }

    /// FNV-1a. Names are the operator's choice and not the peer's, so the hash needs no secret.
    private static let seed: UInt64 = 0xcbf2_9ce4_8422_2325

    private static func mix(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    private static func finish(_ hash: UInt64) -> UInt64 {
        (hash ^ hash >> 32) &* 0x9e37_79b9_7f4a_7c15 >> 7
    }
}
