// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// An object that a ``NamedTable`` finds by its name.
protocol NamedEntry: AnyObject, Sendable {
    var name: String { get }
    /// The hash of `name` by the table's ``NameHash``.
    var nameHash: UInt64 { get }
}

/// Hashes the UTF-8 of names with a seed of this process.
///
/// Names are compared by their bytes, as Go compares them: two spellings of one letter are two names.
struct NameHash: Sendable {
    private let seed = UInt64.random(in: .min ... .max)

    func callAsFunction(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var rest = UnsafeRawBufferPointer(bytes)
        while rest.count >= 8 {
            hash = Self.mix(hash, rest.loadUnaligned(as: UInt64.self))
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(8))
        }
        var tail: UInt64 = 0
        for byte in rest { tail = tail << 8 | UInt64(byte) }
        return Self.mix(hash, tail)
    }

    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = (left ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(by: right ^ 0xe703_7ed1_a0b4_28db)
        return product.high ^ product.low
    }
}

/// A hash table of objects that are never removed: reading takes no lock, adding takes one.
///
/// Open addressing with linear probing. A slot goes from empty to an object once. A table that grows is replaced by a
/// larger one; the smaller ones stay allocated until the owner goes (together less than the current one), because a reader
/// may still be probing them.
final class NamedTable<Entry: NamedEntry>: Sendable {
    private typealias Slot = Atomic<UInt>

    /// One generation of the table. `@unchecked`: the slots are atomics, and the pointer itself never changes.
    private final class Slots: @unchecked Sendable {
        let base: UnsafeMutablePointer<Slot>
        let mask: Int

        init(capacity: Int) {
            base = .allocate(capacity: capacity)
            for index in 0..<capacity { (base + index).initialize(to: Slot(0)) }
            mask = capacity - 1
        }

        deinit {
            base.deinitialize(count: mask + 1)
            base.deallocate()
        }

        /// Only under the table's lock.
        func insert(_ entry: Entry) {
            var index = Int(truncatingIfNeeded: entry.nameHash) & mask
            while base[index].load(ordering: .relaxed) != 0 { index = (index + 1) & mask }
            base[index].store(bits(of: entry), ordering: .releasing)
        }
    }

    private struct State {
        var generations: [Slots]
        var entries: [Entry] = []
    }

    let hash = NameHash()
    private let state: Mutex<State>
    /// The newest generation.
    private let current: Atomic<UInt>

    init() {
        let first = Slots(capacity: 64)
        state = Mutex(State(generations: [first]))
        current = Atomic(bits(of: first))
    }

    func find(_ name: String) -> Entry? {
        var name = name
        return name.withUTF8 { find($0, hash: hash($0)) }
    }

    private func find(_ name: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Entry? {
        guard let slots = object(current.load(ordering: .acquiring), as: Slots.self) else { return nil }
        var index = Int(truncatingIfNeeded: hash) & slots.mask
        while let entry = object(slots.base[index].load(ordering: .acquiring), as: Entry.self) {
            if entry.nameHash == hash, Self.same(entry.name, name) { return entry }
            index = (index + 1) & slots.mask
        }
        return nil
    }

    /// The object called `name`, made by `make` (under the table's lock) if there is none.
    func findOrAdd(_ name: String, make: (_ name: String, _ hash: UInt64) -> Entry) -> Entry {
        var name = name
        let hash = name.withUTF8 { self.hash($0) }
        if let found = name.withUTF8({ find($0, hash: hash) }) { return found }
        return state.withLock { state in
            if let found = name.withUTF8({ find($0, hash: hash) }) { return found }
            let entry = make(name, hash)
            state.entries.append(entry)
            guard let slots = state.generations.last else { return entry }
            if state.entries.count * 4 > (slots.mask + 1) * 3 {
                let larger = Slots(capacity: (slots.mask + 1) * 2)
                for entry in state.entries { larger.insert(entry) }
                state.generations.append(larger)
                current.store(bits(of: larger), ordering: .releasing)
            } else {
                slots.insert(entry)
            }
            return entry
        }
    }

    /// All objects, in the order in which they were made.
    var entries: [Entry] { state.withLock { $0.entries } }

    private static func same(_ name: String, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
        name.utf8.withContiguousStorageIfAvailable { bytes in
            bytes.count == other.count && bytes.elementsEqual(other)
        } ?? name.utf8.elementsEqual(other)
    }
}

/// An object as an atomic holds it; somebody else keeps it alive.
func bits(of object: some AnyObject) -> UInt {
    UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())
}

/// The object that ``bits(of:)`` turned into `bits`; nil for 0.
func object<Object: AnyObject>(_ bits: UInt, as type: Object.Type) -> Object? {
    UnsafeRawPointer(bitPattern: bits).map { Unmanaged<Object>.fromOpaque($0).takeUnretainedValue() }
}
