// SPDX-License-Identifier: Apache-2.0

/// Tells whether a text contains any of many keywords, in one pass over it (Aho and Corasick, 1975).
///
/// The keywords' common prefixes form a tree; each node knows the node of its longest proper suffix that is also a prefix
/// of a keyword. Edges of a node lie together in order of their bytes.
struct KeywordMatcher: Sendable {
    /// The edges of node n are `edgeStart[n]..<edgeStart[n + 1]`.
    private var edgeStart: [UInt32] = [0]
    private var edgeByte: [UInt8] = []
    private var edgeTarget: [UInt32] = []
    private var fallback: [UInt32] = [0]
    /// A keyword ends at this node or at one of its suffixes.
    private var ends: [Bool] = [false]
    private var root: [UInt32] = Array(repeating: 0, count: 256)

    /// - Parameter keywords: an empty one is contained in every text.
    init(_ keywords: [[UInt8]]) {
        let sorted = Set(keywords).sorted { $0.lexicographicallyPrecedes($1) }
        // Node n stands for the keywords of spans[n], which share their first depths[n] bytes.
        var spans = [0..<sorted.count]
        var depths = [0]
        var node = 0
        while node < spans.count {
            var index = spans[node].lowerBound
            let depth = depths[node]
            if index < spans[node].upperBound, sorted[index].count == depth {
                ends[node] = true
                index += 1
            }
            while index < spans[node].upperBound {
                let byte = sorted[index][depth]
                var end = index + 1
                while end < spans[node].upperBound, sorted[end][depth] == byte { end += 1 }
                edgeByte.append(byte)
                edgeTarget.append(UInt32(spans.count))
                spans.append(index..<end)
                depths.append(depth + 1)
                ends.append(false)
                fallback.append(0)
                index = end
            }
            edgeStart.append(UInt32(edgeByte.count))
            node += 1
        }
        for edge in Int(edgeStart[0])..<Int(edgeStart[1]) { root[Int(edgeByte[edge])] = edgeTarget[edge] }
        // Nodes are numbered level by level, so a node's fallback is complete before its children are looked at.
        for parent in 1..<max(1, spans.count) {
            link(parent)
        }
    }

    private mutating func link(_ parent: Int) {
        ends[parent] = ends[parent] || ends[Int(fallback[parent])]
        for edge in Int(edgeStart[parent])..<Int(edgeStart[parent + 1]) {
            fallback[Int(edgeTarget[edge])] = next(fallback[parent], edgeByte[edge])
        }
    }

    func matches(_ text: [UInt8]) -> Bool {
        if ends[0] { return true }
        var node: UInt32 = 0
        for byte in text {
            node = next(node, byte)
            if ends[Int(node)] { return true }
        }
        return false
    }

    private func next(_ start: UInt32, _ byte: UInt8) -> UInt32 {
        var node = start
        while node != 0 {
            var edge = Int(edgeStart[Int(node)])
            let end = Int(edgeStart[Int(node) + 1])
            while edge < end, edgeByte[edge] < byte { edge += 1 }
            if edge < end, edgeByte[edge] == byte { return edgeTarget[edge] }
            node = fallback[Int(node)]
        }
        return root[Int(byte)]
    }
}
