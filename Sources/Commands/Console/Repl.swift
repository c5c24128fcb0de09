// SPDX-License-Identifier: Apache-2.0
import Automation
import ControlAPI
import Foundation
import ScriptAPI
import SwiftProtobuf
import XrayProtos

/// A session at a prompt, or over a list of lines without one: reads, evaluates, prints.
final class Repl: Sendable {
    static let prompt = "tidegate> "
    static let continuation = "      ...> "

    let client: ScriptClient
    let connection: ConsoleConnection
    let isInteractive: Bool
    let interrupts: Interrupts
    let screen: ConsoleScreen

    init(
        client: ScriptClient, connection: ConsoleConnection, isInteractive: Bool, interrupts: Interrupts,
        screen: ConsoleScreen
    ) {
        self.client = client
        self.connection = connection
        self.isInteractive = isInteractive
        self.interrupts = interrupts
        self.screen = screen
    }

    /// Works until the input ends. Without a person, it stops at the first error.
    ///
    /// - Returns: The exit status: 0, or 1 when something failed without a person to see it, or the core has gone.
    func run(_ input: any ConsoleInput, pending: PendingInput) async -> Int32 {
        var lineNumber = 0
        while true {
            screen.flushHeld()
            let isNew = pending.text.isEmpty
            switch await input.next(prompt: isNew ? Self.prompt : Self.continuation) {
            case .end:
                guard isNew else {
                    screen.error("the input ends within a statement")
                    return 1
                }
                return 0
            case .interrupted:
                pending.text = ""
            case .line(let line):
                lineNumber += 1
                if isNew, line.allSatisfy(\.isWhitespace) { continue }
                if isNew, line.first == ":" {
                    guard await perform(line) else { return 0 }
                } else {
                    await evaluate(line, pending)
                }
                if screen.takeFailure(), !isInteractive { return 1 }
                if let ended = connection.ended {
                    screen.error("the core is gone: \(ended)")
                    return 1
                }
            }
        }
    }

    /// What has been typed of a statement that is not finished.
    final class PendingInput: @unchecked Sendable {
        private let lock = NSLock()
        private var stored = ""

        var text: String {
            get { lock.withLock { stored } }
            set { lock.withLock { stored = newValue } }
        }
    }

    private func evaluate(_ line: String, _ pending: PendingInput) async {
        // An empty line ends a statement that does not get finished, as a way out.
        let isForced = line.isEmpty && !pending.text.isEmpty
        let source = pending.text.isEmpty ? line : pending.text + "\n" + line
        pending.text = ""
        do {
            let values = try await evaluate(source, mayContinue: !isForced)
            screen.show(values)
        } catch let failure as ConsoleFailure where failure.kind == .incomplete {
            pending.text = source
        } catch {
            // That the core has gone is told by the loop.
            if connection.ended == nil { screen.show(error) }
        }
    }

    /// The values of an expression; Ctrl-C interrupts it.
    func evaluate(
        _ source: String, name: String = "", mayContinue: Bool = false
    ) async throws -> [Tidegate_Script_V1_Value] {
        try await interrupts.during {
            try await connection.evaluate(source, name: name, mayContinue: mayContinue)
        } onInterrupt: { [connection] in
            Task { try? await connection.interrupt() }
        }
    }
}
