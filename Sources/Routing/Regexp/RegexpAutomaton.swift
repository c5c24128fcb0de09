// SPDX-License-Identifier: Apache-2.0

/// A deterministic automaton: one table look-up per byte of text. It is complete before it is used, so that threads share
/// it without a lock, and is not made where it would grow large.
struct RegexpAutomaton: Sendable {
    static let stateLimit = 256
    /// Visits of instructions while it is made.
    private static let workLimit = 400_000
    private static let dead: UInt16 = 0
    private static let matched: UInt16 = 1

    private struct State: Hashable {
        var instructions: [UInt16]
        var before: UInt8?
    }

    /// The column of each byte; bytes that no instruction tells apart share one. The last column is the text's end.
    private var columns: [UInt8] = Array(repeating: 0, count: 256)
    private var width = 0
    private var transitions: [UInt16] = []
    private let start: UInt16 = 2

    /// Nil when the automaton would be too large.
    init?(_ program: RegexpProgram, stateLimit: Int) {
        let samples = assignColumns(program)
        width = samples.count + 1
        transitions = Array(repeating: Self.dead, count: width * 2)
        var numbers = [State(instructions: [], before: nil): start]
        var pending = [State(instructions: [], before: nil)]
        var simulation = RegexpSimulation(program)
        var following: [UInt16] = []
        var index = 0
        while index < pending.count {
            guard pending.count <= stateLimit, simulation.work <= Self.workLimit else { return nil }
            let state = pending[index]
            index += 1
            for byte in samples {
                if simulation.advance(state.instructions, before: state.before, after: byte, into: &following) {
                    transitions.append(Self.matched)
                } else if following.isEmpty, program.isAnchored {
                    transitions.append(Self.dead)
                } else {
                    let before = program.hasAssertions ? Self.representative(byte) : UInt8(ascii: " ")
                    let next = State(instructions: following.sorted(), before: before)
                    if let number = numbers[next] {
                        transitions.append(number)
                    } else {
                        let number = UInt16(pending.count) + start
                        numbers[next] = number
                        pending.append(next)
                        transitions.append(number)
                    }
                }
            }
            let ends = simulation.advance(state.instructions, before: state.before, after: nil, into: &following)
            transitions.append(ends ? Self.matched : Self.dead)
        }
    }

    func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var state = start
        for byte in text {
            state = transitions[Int(state) * width + Int(columns[Int(byte)])]
            if state <= Self.matched { return state == Self.matched }
        }
        return transitions[Int(state) * width + width - 1] == Self.matched
    }

    /// What assertions can tell of the byte before a place.
    private static func representative(_ byte: UInt8) -> UInt8 {
        byte == UInt8(ascii: "\n") ? byte : RegexpAssertion.isWord(byte) ? UInt8(ascii: "a") : UInt8(ascii: " ")
    }

    /// Fills `columns`, and returns a byte of each.
    private mutating func assignColumns(_ program: RegexpProgram) -> [UInt8] {
        var begins = Array(repeating: false, count: 257)
        func separate(_ range: ClosedRange<UInt8>) {
            begins[Int(range.lowerBound)] = true
            begins[Int(range.upperBound) + 1] = true
        }
        for case .byte(let range, _) in program.instructions { separate(range) }
        if program.hasAssertions {
            separate(0x0a...0x0a)
            for range in ScalarSet.words.ranges {
                separate(UInt8(truncatingIfNeeded: range.lowerBound)...UInt8(truncatingIfNeeded: range.upperBound))
            }
        }
        var samples: [UInt8] = [0]
        for byte in 1..<256 {
            if begins[byte] { samples.append(UInt8(byte)) }
            columns[byte] = UInt8(samples.count - 1)
        }
        return samples
    }
}
