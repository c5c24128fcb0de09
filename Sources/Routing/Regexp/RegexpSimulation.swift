// SPDX-License-Identifier: Apache-2.0

/// Runs a program on all its possible states at once: never more than one visit of each instruction per byte.
struct RegexpSimulation {
    private let program: RegexpProgram
    /// The step in which an instruction was last visited, and last added to the next states.
    private var visited: [UInt64]
    private var added: [UInt64]
    private var step: UInt64 = 0
    private var stack: [UInt16] = []
    /// Visits so far.
    private(set) var work = 0

    init(_ program: RegexpProgram) {
        self.program = program
        visited = Array(repeating: 0, count: program.instructions.count)
        added = visited
    }

    mutating func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var states: [UInt16] = []
        var following: [UInt16] = []
        var before: UInt8?
        for byte in text {
            if advance(states, before: before, after: byte, into: &following) { return true }
            if following.isEmpty, program.isAnchored { return false }
            swap(&states, &following)
            before = byte
        }
        return advance(states, before: before, after: nil, into: &following)
    }

    /// Goes over one byte, or to the text's end.
    /// - Returns: whether the program matches with what was read before `after`.
    mutating func advance(
        _ states: [UInt16], before: UInt8?, after: UInt8?, into following: inout [UInt16]
    ) -> Bool {
        following.removeAll(keepingCapacity: true)
        step += 1
        stack.removeAll(keepingCapacity: true)
        stack += states
        if before == nil || !program.isAnchored { stack.append(program.start) }
        while let index = stack.popLast() {
            guard visited[Int(index)] != step else { continue }
            visited[Int(index)] = step
            work += 1
            switch program.instructions[Int(index)] {
            case .byte(let range, let next):
                guard let after, range.contains(after), added[Int(next)] != step else { continue }
                added[Int(next)] = step
                following.append(next)
            case .split(let first, let second):
                stack.append(second)
                stack.append(first)
            case .check(let assertion, let next):
                if assertion.holds(before: before, after: after) { stack.append(next) }
            case .match:
                return true
            case .fail:
                continue
            }
        }
        return false
    }
}
