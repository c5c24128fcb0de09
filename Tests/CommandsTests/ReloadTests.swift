// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The built executable reads its configuration again.
@Suite(.timeLimit(.minutes(5))) struct ReloadTests {
    private static let alice = UUID(uuidString: "b831381d-6324-4d53-ad4f-8cda48b30811")!
    private static let bob = UUID(uuidString: "d4a3e3a5-1a4f-4b6e-9d0c-2f6d3a3f8f11")!

    /// A core with a script, whose configuration can be written anew.
    private final class Stage {
        let core: TidegateProcess
        let port: UInt16
        let server: ByteServer
        var users = [ReloadTests.alice: "alice@example.com"]
        var scripts = #"[{"file": "@DIR@/told.lua"}]"#
        var extra = ""

        init() throws {
            port = try TCPClient.freePort()
            server = try ByteServer()
            core = try TidegateProcess(configuration: "{}")
            try core.write(
                "on('config.reloaded', function(e) log.warning('told', e.changes, (e.by:gsub(' .*', ''))) end)",
                to: "told.lua")
            try write()
        }

        deinit { server.stop() }

        func write() throws {
            let clients = users.sorted { $0.value < $1.value }
                .map { #"{"id": "\#($0.key.uuidString)", "email": "\#($0.value)"}"# }
            let text = """
                {"log": {"loglevel": "warning"}, "stats": {},
                 "inbounds": [{"tag": "in", "listen": "127.0.0.1", "port": \(port), "protocol": "vless",
                   "settings": {"decryption": "none", "clients": [\(clients.joined(separator: ", "))]}}],
                 "outbounds": [{"protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}}], \(extra)
                 "automation": {"store": "@DIR@/state.db", "scripts": \(scripts)}}
                """
            try core.write(text.replacingOccurrences(of: "@DIR@", with: core.folder.path), to: "config.json")
        }

        func start() throws {
            try core.start(waitingFor: port)
            guard Wait.until({ FileManager.default.fileExists(atPath: core.folder.path + "/state.sock") }) else {
                throw Failure("there is no socket: \(core.output)")
            }
        }

        func reload(_ arguments: String...) throws -> CommandResult {
            try TidegateProcess.run(["reload", "--socket", core.folder.path + "/state.sock"] + arguments)
        }

        func connect(_ id: UUID) throws -> VLESSClient {
            let client = try VLESSClient(proxy: port, id: id, target: server.port, timeout: 5)
            try client.exchange(up: 8, down: 10)
            return client
        }
    }

    @Test func aSignalAppliesTheFileAndScriptsAreTold() async throws {
        try await offPool {
            let stage = try Stage()
            try stage.start()
            let live = try stage.connect(Self.alice)
            stage.users[Self.bob] = "bob@example.com"
            try stage.write()
            stage.core.signal(SIGHUP)
            // In any order: the script is told while the line is written.
            for line in ["script/told: told 1 SIGHUP", "configuration reloaded by SIGHUP: 1 change\n"] {
                #expect(Wait.until { stage.core.output.contains(line) }, "\(stage.core.output)")
            }
            _ = try stage.connect(Self.bob)
            try live.exchange(up: 8, down: 10)
            #expect(stage.core.stop() == 0)
        }
    }

    @Test func aSignalOpensTheLogFilesAnew() async throws {
        try await offPool {
            let port = try TCPClient.freePort()
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "warning", "error": "@DIR@/error.log"},
                     "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "socks"}],
                     "outbounds": [{"protocol": "freedom"}]}
                    """)
            try core.start(waitingFor: port)
            func text(_ name: String) -> String {
                (try? String(contentsOf: core.folder.appendingPathComponent(name), encoding: .utf8)) ?? ""
            }
            #expect(Wait.until { text("error.log").contains("started") })
            try FileManager.default.moveItem(
                at: core.folder.appendingPathComponent("error.log"),
                to: core.folder.appendingPathComponent("error.log.1"))
            core.signal(SIGHUP)
            #expect(
                Wait.until { text("error.log").contains("reloaded by SIGHUP: nothing is different") },
                "\(text("error.log"))")
            #expect(!text("error.log").contains("started") && !text("error.log.1").contains("reloaded"))
            #expect(core.stop() == 0)
        }
    }

    @Test func theCommandTellsWhatItChanges() async throws {
        try await offPool {
            let stage = try Stage()
            try stage.start()
            let live = try stage.connect(Self.alice)
            #expect(try stage.reload().output == "Nothing is different.\n")
            stage.users = [Self.bob: "bob@example.com"]
            stage.extra =
                #""dns": {"servers": ["192.0.2.1"]}, "routing": {"rules": [{"port": 1, "outboundTag": "no"}]},"#
            try stage.core.write("log.warning('second of', settings.n)", to: "second.lua")
            stage.scripts = #"["@DIR@/told.lua", {"file": "@DIR@/second.lua", "settings": {"n": 2}}]"#
            try stage.write()
            let changes = [
                "routing replaced: 1 rules, 0 balancers", "inbound in: user added: bob@example.com",
                "inbound in: user removed: alice@example.com", "script second added",
            ]
            let dry = try stage.reload("--dry-run")
            #expect(dry.status == 0 && dry.output == changes.joined(separator: "\n") + "\n", "\(dry)")
            #expect(dry.errors.contains("warning: dns: different, and needs a restart"), "\(dry.errors)")
            #expect(dry.errors.contains("no outbound with the tag"), "\(dry.errors)")
            _ = try stage.connect(Self.alice)

            let made = try stage.reload("--json")
            let answer = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: [String]]
            #expect(answer?["changes"] == changes && answer?["warnings"]?.count == 3, "\(made)")
            _ = try stage.connect(Self.bob)
            #expect(throws: (any Error).self) { try stage.connect(Self.alice) }
            try live.exchange(up: 8, down: 10)
            #expect(Wait.until { stage.core.output.contains("script/second: second of 2") }, "\(stage.core.output)")
            #expect(stage.core.output.contains("reloaded by api unix (uid \(getuid()), pid "), "\(stage.core.output)")
            // What needs a restart is told again for as long as it does.
            let again = try stage.reload()
            #expect(again.output == "Nothing is different.\n" && again.errors.contains("dns: different"), "\(again)")
        }
    }

    @Test(
        arguments: [
            (#""inbounds": 5,"#, "config.json:"),
            (#""routing": {"rules": [{"outboundTag": "x"}]},"#, "the rule has no condition"),
        ])
    func aFileThatIsRefusedChangesNothing(extra: String, problem: String) async throws {
        try await offPool {
            let stage = try Stage()
            try stage.start()
            stage.users = [Self.bob: "bob@example.com"]
            stage.extra = extra
            try stage.write()
            let result = try stage.reload()
            #expect(result.status == 1 && result.errors.contains(problem), "\(result)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            #expect(stage.core.output.contains("configuration not reloaded"), "\(stage.core.output)")
            _ = try stage.connect(Self.alice)
            #expect(!stage.core.output.contains("script/told: told"))
        }
    }

    @Test func aScriptThatWouldNotLoadChangesNothing() async throws {
        try await offPool {
            let stage = try Stage()
            try stage.start()
            stage.users = [Self.bob: "bob@example.com"]
            try stage.core.write("local s = settings { n = 'size' }", to: "second.lua")
            stage.scripts = #"["@DIR@/told.lua", {"file": "@DIR@/second.lua", "settings": {"n": "much"}}]"#
            try stage.write()
            let result = try stage.reload()
            #expect(result.status == 1)
            #expect(
                result.errors.hasPrefix(
                    "automation: script \"second\": settings: n: a size such as \"50GB\" is expected")
                    && result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            _ = try stage.connect(Self.alice)
        }
    }

    @Test func scriptsCanReloadAndTryIt() async throws {
        try await offPool {
            let stage = try Stage()
            try stage.start()
            stage.users[Self.bob] = "bob@example.com"
            try stage.write()
            let line = "core.Reload{ dry_run = true }.changes[1], #core.Reload{}.changes, #core.Reload().changes\n"
            let result = try TidegateProcess.run(
                ["repl", "--socket", stage.core.folder.path + "/state.sock"], input: line)
            #expect(result.output == "inbound in: user added: bob@example.com\t1\t0\n", "\(result)")
            let refused = try TidegateProcess.run(
                ["repl", "--read-only", "--socket", stage.core.folder.path + "/state.sock"], input: "core.Reload()\n")
            #expect(refused.status == 1 && refused.errors.contains("core.Reload: refused"), "\(refused)")
        }
    }

    @Test func aPromptsOwnCoreReadsItsFileAgain() async throws {
        try await offPool {
            let core = try ScriptedCore()
            let result = try core.run(["repl"], input: "#core.Reload{}.changes\n")
            #expect(result.status == 0 && result.output == "0\n", "\(result)")
        }
    }
}
