// SPDX-License-Identifier: Apache-2.0

/// A regular expression as instructions on UTF-8 bytes (Thompson, 1968).
struct RegexpProgram: Sendable {
    enum Instruction: Sendable {
        case byte(ClosedRange<UInt8>, next: UInt16)
        case split(UInt16, UInt16)
        case check(RegexpAssertion, next: UInt16)
        case match
        case fail
    }

    /// An upper bound of the steps per byte of text.
    static let sizeLimit = 10_000

    private(set) var instructions: [Instruction] = []
    private(set) var start: UInt16 = 0
    private(set) var hasAssertions = false
    /// A match can only begin at the text's beginning.
    let isAnchored: Bool

    init(_ node: RegexpNode, pattern: String) throws(RegexpError) {
        isAnchored = node.isAnchored
        do {
            let match = try emit(.match)
            start = try compile(node, next: match)
        } catch {
            throw RegexpError(code: .tooLarge, fragment: pattern)
        }
    }

    private struct TooLarge: Error {}

    private mutating func emit(_ instruction: Instruction) throws(TooLarge) -> UInt16 {
        guard instructions.count < Self.sizeLimit else { throw TooLarge() }
        instructions.append(instruction)
        return UInt16(instructions.count - 1)
    }

    /// Emits the node so that it goes on at `next`, and tells where it begins.
    private mutating func compile(_ node: RegexpNode, next: UInt16) throws(TooLarge) -> UInt16 {
        switch node {
        case .empty:
            return next
        case .scalars(let set):
            return try compile(set, next: next)
        case .assertion(let assertion):
            hasAssertions = true
            return try emit(.check(assertion, next: next))
        case .concatenation(let nodes):
            var next = next
            for node in nodes.reversed() { next = try compile(node, next: next) }
            return next
        case .alternation(let nodes):
            return try choice(nodes.map { (node) throws(TooLarge) in try compile(node, next: next) })
        case .repetition(let node, let min, let max):
            var next = next
            if let max {
                let end = next
                for _ in 0..<(max - min) { next = try emit(.split(try compile(node, next: next), end)) }
                for _ in 0..<min { next = try compile(node, next: next) }
            } else {
                let loop = try emit(.fail)
                let body = try compile(node, next: loop)
                instructions[Int(loop)] = .split(body, next)
                next = min == 0 ? loop : body
                for _ in 1..<Swift.max(1, min) { next = try compile(node, next: next) }
            }
            return next
        }
    }

    private mutating func compile(_ set: ScalarSet, next: UInt16) throws(TooLarge) -> UInt16 {
        struct Step: Hashable {
            var range: ClosedRange<UInt8>
            var next: UInt16
        }
        // Sequences that end alike share their ends.
        var known: [Step: UInt16] = [:]
        var heads: [UInt16] = []
        for range in set.ranges {
            for sequence in UTF8Sequence.covering(range) {
                var current = next
                for bytes in sequence.bytes.reversed() {
                    let step = Step(range: bytes, next: current)
                    if let index = known[step] {
                        current = index
                    } else {
                        current = try emit(.byte(bytes, next: current))
                        known[step] = current
                    }
                }
                heads.append(current)
            }
        }
        return heads.isEmpty ? try emit(.fail) : try choice(heads)
    }

    private mutating func choice(_ heads: [UInt16]) throws(TooLarge) -> UInt16 {
        guard var choice = heads.last else { return try emit(.fail) }
        for head in heads.dropLast().reversed() { choice = try emit(.split(head, choice)) }
        return choice
    }
}
