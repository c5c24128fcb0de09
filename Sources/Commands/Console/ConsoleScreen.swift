// SPDX-License-Identifier: Apache-2.0
import CLineEditor
import Foundation
import ScriptAPI
import Synchronization
import XrayProtos

/// What a session shows: results on standard output, errors on standard error, lines that come from elsewhere when nobody is typing.
final class ConsoleScreen: Sendable {
    private struct State {
        var isTyping = false
        var held: [String] = []
        var dropped = 0
        var hasFailed = false
    }

    /// Lines that come while somebody types are held back, so many at most.
    private static let mostHeld = 1000

    private let isInteractive: Bool
    private let state = Mutex(State())

    init(isInteractive: Bool) {
        self.isInteractive = isInteractive
    }

    // MARK: - Results

    func show(_ values: [Tidegate_Script_V1_Value]) {
        write(printer.text(values))
    }

    func show(_ error: any Error) {
        guard let failure = error as? ConsoleFailure else { return self.error("\(error)") }
        let trace = failure.traceback.split(separator: "\n").map { DisplayText.safe(String($0)) }
        // A traceback of the one line that was typed says nothing new.
        let isLong = trace.count { $0.hasPrefix("\t") && !$0.hasPrefix("\t[C]") } > 1
        self.error(([DisplayText.safe(failure.message)] + (isLong ? trace : [])).joined(separator: "\n"))
    }

    func error(_ text: String) {
        state.withLock { $0.hasFailed = true }
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }

    func write(_ text: String) {
        try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }

    var printer: ValuePrinter {
        var printer = ValuePrinter()
        if isInteractive { printer.width = Int(le_columns()) } else { printer.width = 1000 }
        return printer
    }

    /// Whether something has failed since the last time.
    func takeFailure() -> Bool {
        state.withLock { state in
            defer { state.hasFailed = false }
            return state.hasFailed
        }
    }

    // MARK: - Lines from elsewhere

    /// While the editor has the terminal, nothing may be written to it.
    func typing(_ isTyping: Bool) {
        state.withLock { $0.isTyping = isTyping }
        if !isTyping { flushHeld() }
    }

    /// A line that the session's code printed or logged, or the core logs.
    func line(_ text: String) {
        let isHeld = state.withLock { state in
            guard state.isTyping else { return false }
            if state.held.count < Self.mostHeld { state.held.append(text) } else { state.dropped += 1 }
            return true
        }
        if !isHeld { write(text + "\n") }
    }

    func flushHeld() {
        let (held, dropped) = state.withLock { state in
            defer {
                state.held = []
                state.dropped = 0
            }
            return (state.held, state.dropped)
        }
        for text in held { write(text + "\n") }
        if dropped > 0 { write("… \(dropped) lines are left out\n") }
    }
}

extension ConsoleScreen {
    /// A change that is not made.
    func planned(_ change: String) { line("would call \(DisplayText.safe(change))") }

    func line(_ line: Tidegate_Script_V1_OutputLine) {
        self.line((line.level.isEmpty ? "" : "[\(line.level)] ") + DisplayText.safe(line.text))
    }
}
