// SPDX-License-Identifier: Apache-2.0

/// A parsed regular expression. Greediness and captures are left out: they do not change whether a text matches.
indirect enum RegexpNode: Sendable {
    case empty
    /// One character of the set; an empty set never matches.
    case scalars(ScalarSet)
    case assertion(RegexpAssertion)
    case concatenation([RegexpNode])
    case alternation([RegexpNode])
    /// - max: nil for no limit.
    case repetition(RegexpNode, min: Int, max: Int?)

    /// Whether a match can only begin at the text's beginning.
    var isAnchored: Bool {
        switch self {
        case .assertion(.beginText): true
        case .concatenation(let nodes): nodes.first?.isAnchored ?? false
        case .alternation(let nodes): nodes.allSatisfy(\.isAnchored)
        case .repetition(let node, let min, _): min > 0 && node.isAnchored
        case .empty, .scalars, .assertion: false
        }
    }

    /// Whether no nested counts multiply to more than `limit`.
    func repeatsAtMost(_ limit: Int) -> Bool {
        switch self {
        case .empty, .scalars, .assertion: return true
        case .concatenation(let nodes), .alternation(let nodes): return nodes.allSatisfy { $0.repeatsAtMost(limit) }
        case .repetition(let node, let min, let max):
            let count = max ?? min
            if max == 0 { return true }
            guard count <= limit else { return false }
            return node.repeatsAtMost(count > 0 ? limit / count : limit)
        }
    }
}

/// A condition on the place between two bytes.
enum RegexpAssertion: Sendable {
    case beginText, endText, beginLine, endLine, wordBoundary, noWordBoundary

    /// - Parameters:
    ///   - before: the byte before the place, nil at the text's beginning.
    ///   - after: the byte behind it, nil at the text's end.
    func holds(before: UInt8?, after: UInt8?) -> Bool {
        switch self {
        case .beginText: before == nil
        case .endText: after == nil
        case .beginLine: before == nil || before == UInt8(ascii: "\n")
        case .endLine: after == nil || after == UInt8(ascii: "\n")
        case .wordBoundary: Self.isWord(before) != Self.isWord(after)
        case .noWordBoundary: Self.isWord(before) == Self.isWord(after)
        }
    }

    static func isWord(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
            return true
        default:
            return false
        }
    }
}
