// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// A stretch of the text that ``NameIndex`` searches: stems, each followed by a separator byte that is in no UTF-8 text.
///
/// One writer appends under the index's lock while readers walk what was published before. `@unchecked`: bytes and starts
/// are written before the count that publishes them is stored, and never again; heads are atomics.
final class NameChunk: @unchecked Sendable {
    static let separator: UInt8 = 0xff
    static let usualBytes = 256 * 1024
    private static let stemCapacity = 8192

    private let byteCapacity: Int
    private let bytes: UnsafeMutablePointer<UInt8>
    private let starts: UnsafeMutablePointer<Int>
    /// The newest counter of each stem; the registry's table keeps it alive for as long as the index lives.
    private let heads: UnsafeMutablePointer<Atomic<UInt>>
    private let publishedStems = Atomic<Int>(0)

    init(byteCapacity: Int) {
        self.byteCapacity = byteCapacity
        bytes = .allocate(capacity: byteCapacity)
        starts = .allocate(capacity: Self.stemCapacity + 1)
        starts[0] = 0
        heads = .allocate(capacity: Self.stemCapacity)
    }

    deinit {
        let stems = publishedStems.load(ordering: .acquiring)
        heads.deinitialize(count: stems)
        heads.deallocate()
        starts.deallocate()
        bytes.deallocate()
    }

    /// False if the stem no longer fits. Only under the index's lock.
    func append(_ stem: UnsafeBufferPointer<UInt8>, head: Counter) -> Bool {
        let stems = publishedStems.load(ordering: .relaxed)
        guard stems < Self.stemCapacity else { return false }
        let start = starts[stems]
        guard byteCapacity - start > stem.count else { return false }
        for (offset, byte) in stem.enumerated() { bytes[start + offset] = byte }
        bytes[start + stem.count] = Self.separator
        starts[stems + 1] = start + stem.count + 1
        (heads + stems).initialize(to: Atomic(bits(of: head)))
        publishedStems.store(stems + 1, ordering: .releasing)
        return true
    }

    /// Only under the index's lock.
    func lastStemIs(_ stem: UnsafeBufferPointer<UInt8>) -> Bool {
        let stems = publishedStems.load(ordering: .relaxed)
        guard stems > 0 else { return false }
        let start = starts[stems - 1]
        return UnsafeBufferPointer(start: bytes + start, count: starts[stems] - 1 - start).elementsEqual(stem)
    }

    /// The newest counter of the last stem. Only under the index's lock.
    var lastHead: Counter? { head(of: publishedStems.load(ordering: .relaxed) - 1) }

    /// Only under the index's lock, with a counter whose sibling is the present head.
    func replaceLastHead(_ head: Counter) {
        heads[publishedStems.load(ordering: .relaxed) - 1].store(bits(of: head), ordering: .releasing)
    }

    private func head(of stem: Int) -> Counter? {
        object(heads[stem].load(ordering: .acquiring), as: Counter.self)
    }

    /// What is published now.
    func view() -> View {
        View(chunk: self, stems: publishedStems.load(ordering: .acquiring))
    }

    /// The part of a chunk that one search reads.
    struct View {
        private let chunk: NameChunk
        let stems: Int

        fileprivate init(chunk: NameChunk, stems: Int) {
            self.chunk = chunk
            self.stems = stems
        }

        var text: UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: chunk.bytes, count: chunk.starts[stems])
        }

        func head(of stem: Int) -> Counter? { chunk.head(of: stem) }

        /// The stem that the byte at `offset` belongs to, and the offset at which the next one begins.
        func stem(at offset: Int) -> (stem: Int, end: Int) {
            var low = 0
            var high = stems - 1
            while low < high {
                let middle = (low + high + 1) / 2
                if chunk.starts[middle] <= offset { low = middle } else { high = middle - 1 }
            }
            return (low, chunk.starts[low + 1])
        }
    }
}
