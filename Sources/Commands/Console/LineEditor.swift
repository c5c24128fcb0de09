// SPDX-License-Identifier: Apache-2.0
import CLineEditor
import Foundation
import Synchronization

/// Where a session's input comes from.
protocol ConsoleInput: Sendable {
    /// The next line; `prompt` is shown where a person types.
    func next(prompt: String) async -> ConsoleInputLine
}

enum ConsoleInputLine: Sendable, Equatable {
    case line(String)
    /// Ctrl-C: the line is dropped.
    case interrupted
    case end
}

/// What Tab does to a line.
struct LineCompletion: Sendable, Equatable {
    /// How many characters before the cursor to replace, and by what; nil leaves the line as it is.
    var replaced = 0
    var text: String?
    /// Shown under the line.
    var listing: String?

    /// From candidates that each replace the last `replaced` characters: what they have in common, or the list of them.
    init(replaced: Int, typed: String, candidates: [String], hasMore: Bool, columns: Int) {
        guard let first = candidates.first else { return }
        self.replaced = replaced
        let common = candidates.dropFirst().reduce(first) { $0.commonPrefix(with: $1) }
        if common.count > typed.count || (candidates.count == 1 && common != typed) {
            text = common
        } else if candidates.count > 1 {
            listing = Self.list(candidates, hasMore: hasMore, columns: columns)
        }
    }

    init() {}

    private static func list(_ candidates: [String], hasMore: Bool, columns: Int) -> String {
        let names = candidates.map { DisplayText.safe($0) }
        let cell = (names.map { DisplayText.width($0) }.max() ?? 0) + 2
        let perRow = max(1, columns / cell)
        let rows = (names.count + perRow - 1) / perRow
        var lines: [String] = []
        for row in 0..<rows {
            var line = ""
            for name in stride(from: row, to: names.count, by: rows).map({ names[$0] }) {
                line += name + String(repeating: " ", count: max(0, cell - DisplayText.width(name)))
            }
            while line.last == " " { line.removeLast() }
            lines.append(line)
        }
        if hasMore { lines.append("…") }
        return lines.joined(separator: "\n")
    }
}

/// A person at a terminal, with editing, history and completion by libedit, on a queue of its own.
final class LineEditor: ConsoleInput, @unchecked Sendable {
    typealias Completer = @Sendable (String) async -> LineCompletion

    // Used on the queue only.
    private var editor: OpaquePointer?
    private let history: ConsoleHistory?
    private let onTyping: @Sendable (Bool) -> Void
    private let completer: Completer
    private let requests = DispatchQueue(label: "line editor")

    /// Nil when the terminal cannot be used. `onTyping` is told when the editor takes the terminal, and when it gives it back.
    init?(
        history: ConsoleHistory?, onTyping: @escaping @Sendable (Bool) -> Void, completer: @escaping Completer
    ) {
        self.history = history
        self.onTyping = onTyping
        self.completer = completer
        let context = Unmanaged.passUnretained(self).toOpaque()
        editor = requests.sync {
            le_open("tidegate", Int32(ConsoleHistory.kept), completeLine, context)
        }
        guard let editor else { return nil }
        requests.sync {
            for line in history?.lines ?? [] { le_add_history(editor, line) }
        }
    }

    /// Gives the terminal back as it was.
    func close() {
        requests.sync {
            le_close(editor)
            editor = nil
        }
    }

    func next(prompt: String) async -> ConsoleInputLine {
        await withCheckedContinuation { continuation in
            requests.async { [self] in continuation.resume(returning: read(prompt)) }
        }
    }

    private func read(_ prompt: String) -> ConsoleInputLine {
        guard let editor else { return .end }
        var status = LE_LINE
        onTyping(true)
        defer { onTyping(false) }
        guard let text = le_read(editor, prompt, &status) else {
            print()
            return status == LE_INTERRUPTED ? .interrupted : .end
        }
        let line = String(cString: text)
        if !line.allSatisfy(\.isWhitespace) {
            le_add_history(editor, line)
            history?.add(line)
        }
        return .line(line)
    }

    /// On the editor's queue, which waits for the answer; a core that does not give one must not lock the keyboard up.
    fileprivate func complete(_ text: String) -> LineCompletion {
        let answer = Answer()
        let done = DispatchSemaphore(value: 0)
        let completer = completer
        let task = Task {
            let completion = await completer(text)
            answer.value.withLock { $0 = completion }
            done.signal()
        }
        if done.wait(timeout: .now() + 3) == .timedOut { task.cancel() }
        return answer.value.withLock { $0 }
    }

    private final class Answer: Sendable {
        let value = Mutex(LineCompletion())
    }
}

private func completeLine(
    _ context: UnsafeMutableRawPointer?, _ line: UnsafePointer<CChar>?, _ length: Int
) -> le_completion {
    guard let context, let line else { return le_completion(characters: 0, text: nil, listing: nil) }
    let text = String(decoding: UnsafeRawBufferPointer(start: line, count: length), as: UTF8.self)
    let completion = Unmanaged<LineEditor>.fromOpaque(context).takeUnretainedValue().complete(text)
    return le_completion(
        characters: Int32(clamping: completion.replaced), text: completion.text.flatMap { strdup($0) },
        listing: completion.listing.flatMap { strdup($0) })
}

/// Input without a person: lines of standard input, without a prompt.
struct PipedInput: ConsoleInput {
    private static let reader = DispatchQueue(label: "standard input")

    func next(prompt: String) async -> ConsoleInputLine {
        await withCheckedContinuation { continuation in
            Self.reader.async {
                continuation.resume(returning: readLine(strippingNewline: true).map { .line($0) } ?? .end)
            }
        }
    }
}
