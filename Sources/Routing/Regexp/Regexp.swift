// SPDX-License-Identifier: Apache-2.0

/// A regular expression of RE2's syntax, as Go reads it, that only tells whether it matches somewhere in a text.
///
/// Time is linear in the text's length, whatever the expression and the text: peers choose the texts, and matching happens
/// on event loops. Small expressions become a deterministic automaton when they are compiled, one table look-up per byte;
/// for large ones a set of states is carried along, at most `RegexpProgram.sizeLimit` steps per byte. Not supported, and
/// refused: back-references and look-around, as in Go, and Unicode scripts (`\p{Greek}`).
struct Regexp: Sendable {
    private enum Machine: Sendable {
        case automaton(RegexpAutomaton)
        case program(RegexpProgram)
    }

    let pattern: String
    private let machine: Machine

    init(_ pattern: String) throws(RegexpError) {
        try self.init(pattern, automatonStates: RegexpAutomaton.stateLimit)
    }

    /// - Parameter automatonStates: how large the automaton may become; 0 makes none.
    init(_ pattern: String, automatonStates: Int) throws(RegexpError) {
        var parser = RegexpParser(pattern)
        let program = try RegexpProgram(try parser.parse(), pattern: pattern)
        self.pattern = pattern
        if let automaton = RegexpAutomaton(program, stateLimit: automatonStates) {
            machine = .automaton(automaton)
        } else {
            machine = .program(program)
        }
    }

    func matches(_ text: String) -> Bool {
        if let found = text.utf8.withContiguousStorageIfAvailable({ matches($0) }) { return found }
        return matches(Array(text.utf8))
    }

    /// - Parameter text: valid UTF-8.
    func matches(_ text: [UInt8]) -> Bool {
        text.withUnsafeBufferPointer { matches($0) }
    }

    private func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        switch machine {
        case .automaton(let automaton): return automaton.matches(text)
        case .program(let program):
            var simulation = RegexpSimulation(program)
            return simulation.matches(text)
        }
    }
}
