// SPDX-License-Identifier: Apache-2.0

/// A heap of due times; of equal ones the older schedule comes first.
struct BinaryHeap {
    struct Item {
        var due: Duration
        var number: UInt64

        static func < (left: Item, right: Item) -> Bool {
            left.due != right.due ? left.due < right.due : left.number < right.number
        }
    }

    private var items: [Item] = []

    init(_ items: [Item] = []) {
        self.items = items.sorted(by: <)
    }

    var count: Int { items.count }
    var first: Item? { items.first }

    mutating func insert(_ item: Item) {
        items.append(item)
        var index = items.count - 1
        while index > 0, items[index] < items[(index - 1) / 2] {
            items.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func replaceFirst(_ item: Item) {
        guard !items.isEmpty else { return }
        items[0] = item
        sink()
    }

    mutating func removeFirst() {
        guard let last = items.popLast(), !items.isEmpty else { return }
        items[0] = last
        sink()
    }

    private mutating func sink() {
        var index = 0
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2] where child < items.count && items[child] < items[smallest] {
                smallest = child
            }
            guard smallest != index else { return }
            items.swapAt(index, smallest)
            index = smallest
        }
    }
}
