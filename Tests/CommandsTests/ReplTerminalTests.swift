// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The prompt as a person meets it: in a terminal, with keys.
@Suite(.timeLimit(.minutes(5))) struct ReplTerminalTests {
    @Test func whatIsTypedIsEvaluatedAndShown() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            _ = try terminal.wait(for: "in the core at \(core.socket)")
            try terminal.enter("6 * 7, 'ok'")
            _ = try terminal.wait(for: "42\tok".replacingOccurrences(of: "\t", with: "      "))
            try terminal.enter("print('hello ' .. 'there')")
            _ = try terminal.wait(for: "hello there")
            try terminal.enter("users.list('vless-in')")
            #expect(try terminal.wait(for: "bob@example.com"))
            let screen = try terminal.screen()
            #expect(screen.contains("email") && screen.contains("protocol"), "records are shown in columns: \(screen)")
            try terminal.enter("error('boom')")
            _ = try terminal.wait(for: "console:1: boom")
            try terminal.press("C-d")
            _ = try terminal.wait(for: "ended 0")
        }
    }

    @Test func aStatementGoesOnOverSeveralLines() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            try terminal.enter("for i = 1, 3 do")
            _ = try terminal.wait(for: "...> ")
            try terminal.enter("  print('turn', i)")
            _ = try terminal.wait(for: "...> ", times: 2)
            try terminal.enter("end")
            _ = try terminal.wait(for: "turn\t3".replacingOccurrences(of: "\t", with: "    "))
            // An unfinished statement is dropped by Ctrl-C.
            try terminal.enter("x = {")
            _ = try terminal.wait(for: "...> ", times: 3)
            try terminal.press("C-c")
            _ = try terminal.wait(for: "tidegate> ", times: 3)
            try terminal.enter("1 + 1")
            _ = try terminal.wait(for: "\n2\n")
        }
    }

    @Test func tabCompletesNamesAndData() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            try terminal.type("users.tr")
            try terminal.press("Tab")
            _ = try terminal.wait(for: "tidegate> users.traffic(")
            try terminal.type("\"al")
            try terminal.press("Tab")
            _ = try terminal.wait(for: "tidegate> users.traffic(\"alice@example.com")
            try terminal.type("\").to")
            try terminal.press("C-c")
            // What is ambiguous is listed, and the line stays.
            try terminal.type("users.re")
            try terminal.press("Tab")
            _ = try terminal.wait(for: "users.remove(")
            try terminal.press("C-c")
            try terminal.type("users.")
            try terminal.press("Tab")
            _ = try terminal.wait(for: "traffic(")
            try terminal.press("C-c")
            try terminal.type(":do")
            try terminal.press("Tab")
            try terminal.type("users.ad")
            try terminal.press("Tab")
            _ = try terminal.wait(for: ":doc users.add")
            try terminal.press("Enter")
            _ = try terminal.wait(for: "users.add(")
        }
    }

    @Test func ctrlCStopsALoopWithoutEndAndNotTheSession() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            try terminal.enter("print('looping' .. '!') while true do end")
            _ = try terminal.wait(for: "looping!")
            try terminal.press("C-c")
            _ = try terminal.wait(for: "interrupted")
            try terminal.enter("'still ' .. 'here'")
            _ = try terminal.wait(for: "still here")
        }
    }

    @Test func aLineSurvivesResizingWhileItIsTyped() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            let process = try terminal.process()
            for (number, part) in ["6", " *", " 7,", " 'süß'"].enumerated() {
                try terminal.type(part)
                try terminal.resize(columns: 70 + number)
                for _ in 0..<2_000 { kill(process, SIGWINCH) }
            }
            try terminal.press("Enter")
            _ = try terminal.wait(for: "42      süß")
        }
    }

    @Test func aStoppedSessionGoesOnWithItsLine() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            try terminal.type("6 *")
            let process = try terminal.process()
            kill(process, SIGSTOP)
            kill(process, SIGCONT)
            try terminal.enter(" 7")
            _ = try terminal.wait(for: "\n42\n")
        }
    }

    @Test func theTerminalIsAsBeforeWhenTheProcessIsToldToEnd() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            try terminal.type("6 * 7")
            #expect(try terminal.modes().contains("-icanon"), "a line is edited")
            kill(try terminal.process(), SIGTERM)
            _ = try terminal.wait(for: "ended 143")
            let modes = try terminal.modes()
            #expect(modes.contains(" icanon") && modes.contains(" echo "))
        }
    }

    @Test func watchRepeatsUntilCtrlC() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            try terminal.enter("n = 0")
            try terminal.enter(":watch 50ms (function() n = n + 1 return n < 5 and 'few' or 'eno' .. 'ugh' end)()")
            _ = try terminal.wait(for: "enough")
            try terminal.press("C-c")
            try terminal.enter("'after ' .. 'that'")
            _ = try terminal.wait(for: "after that")
            let values = try terminal.screen().split(separator: "\n").filter { $0 == "few" || $0 == "enough" }
            #expect(values == ["enough"], "each value takes the place of the one before")
        }
    }

    @Test func linesAreFoundAgainInTheNextSession() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let first = try core.prompt()
            try first.enter("'re' .. 'member'")
            _ = try first.wait(for: "remember")
            try first.press("C-d")
            _ = try first.wait(for: "ended 0")
            let second = try core.prompt()
            try second.press("Up")
            _ = try second.wait(for: "tidegate> 're' .. 'member'")
            try second.press("Enter")
            _ = try second.wait(for: "remember")
            let attributes = try FileManager.default.attributesOfItem(
                atPath: core.core.folder.appendingPathComponent("history").path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func aReadOnlySessionRefusesAndTheCoreKeepsItsUser() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt("--read-only")
            try terminal.enter("users.remove('vless-in', 'bob@example.com')")
            _ = try terminal.wait(for: "handler.AlterInbound: refused, this session is read-only")
            try terminal.enter("'users: ' .. users.count('vless-in')")
            _ = try terminal.wait(for: "users: 2")
        }
    }

    @Test func theLogNamesWhoChangedWhat() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            try terminal.enter("users.remove('vless-in', 'bob@example.com')")
            _ = try terminal.wait(for: "\ntrue\n")
            let who = "user bob@example.com removed from inbound vless-in by console \(NSUserName()) (pid "
            #expect(Wait.until { core.core.output.contains(who) }, "\(core.core.output)")
            #expect(core.core.output.contains("session opened by console \(NSUserName()) (pid "))
        }
    }

    @Test func aCoreCanLiveInTheSession() async throws {
        try await offPool {
            let core = try ScriptedCore()
            let terminal = try core.prompt()
            _ = try terminal.wait(for: "no core runs with this configuration: started one")
            try terminal.enter("'users: ' .. users.count('vless-in')")
            _ = try terminal.wait(for: "users: 2")
            #expect(TCPClient.answers(core.port), "it listens")
            try terminal.press("C-d")
            _ = try terminal.wait(for: "ended 0")
            #expect(!FileManager.default.fileExists(atPath: core.socket))
        }
    }

    @Test func aCoreThatStopsIsTold() async throws {
        try await offPool {
            let core = try ScriptedCore()
            try core.start()
            let terminal = try core.prompt()
            #expect(core.core.stop() == 0)
            try terminal.enter("1")
            _ = try terminal.wait(for: "the core is gone")
            _ = try terminal.wait(for: "ended 1")
        }
    }
}
