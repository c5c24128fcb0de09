// SPDX-License-Identifier: Apache-2.0

/// Names that a domain must equal, and names that it may also end in at a label's boundary.
///
/// A look-up is one probe for each label of the domain, however many names there are. Names lie in one array of bytes.
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
        let hash = DomainName.hash(name)
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

    func matches(_ domain: DomainName) -> Bool {
        for suffix in domain.suffixes {
            guard let found = find(suffix.hash, domain.bytes[suffix.start...]) else { continue }
            if suffix.start == 0 || entries[found].kind.contains(.suffix) { return true }
        }
        return false
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
}
