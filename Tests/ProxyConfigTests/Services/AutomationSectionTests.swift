// SPDX-License-Identifier: Apache-2.0
import ProxyConfig
import Testing

struct AutomationSectionTests {
    private func automation(_ text: String, in folder: String) throws -> AutomationConfiguration {
        let configuration = try ConfigurationLoader.load(
            text: #"{"automation": \#(text)}"#, directory: folder, environment: [:])
        return try #require(configuration.automation)
    }

    private func refused(_ text: String, in folder: String) -> String? {
        do {
            _ = try automation(text, in: folder)
            return nil
        } catch {
            return (error as? ConfigurationError).map { "\($0.keyPath): \($0.message)" } ?? "\(error)"
        }
    }

    private func withScripts<Result>(_ body: (String) throws -> Result) throws -> Result {
        try withTemporaryFolder { folder in
            for name in [
                "quota.lua", "more/b.lua", "more/a.lua", "more/a_test.lua", "more/notes.txt", "more/.hidden.lua",
            ] {
                try write("return", to: "\(folder)/\(name)")
            }
            return try body(folder)
        }
    }

    @Test func everythingIsRead() throws {
        try withScripts { folder in
            let automation = try automation(
                #"""
                {"store": "t.db", "http": {"allow": ["example.com"], "timeout": "5s", "max_size": "2MB"}, "limits": {"memory": "64MB", "instructions": 5, "time": "1h30m"},
                 "scripts": [{"file": "quota.lua", "name": "q", "enabled": false, "settings": {"limit": 1.5, "list": [1]}, "limits": {"time": "250ms"}}]}
                """#, in: folder)
            #expect(automation.store == "\(folder)/t.db")
            #expect(automation.http.allowedHosts == ["example.com"])
            #expect(automation.http.timeout == 5_000_000_000 && automation.http.largest == 2 << 20)
            #expect(automation.limits.memory == 64 << 20 && automation.limits.instructions == 5)
            let script = try #require(automation.scripts.first)
            #expect(script.path == "\(folder)/quota.lua" && script.name == "q" && !script.enabled)
            #expect(script.settings == .object(["limit": .double(1.5), "list": .array([.integer(1)])]))
            let limits = script.limits.filled(from: automation.limits)
            #expect(limits.time == 250_000_000 && limits.memory == 64 << 20)
        }
    }

    @Test func filesHaveAFolderAndAQuota() throws {
        try withScripts { folder in
            #expect(try automation(#"{"files": "reports"}"#, in: folder).files == .init(folder: "\(folder)/reports"))
            let files = try automation(#"{"files": {"folder": "/r", "quota": "5MB"}}"#, in: folder).files
            #expect(files == .init(folder: "/r", quota: 5 << 20))
            #expect(refused(#"{"files": {"quota": 5}}"#, in: folder) == "automation.files: files need a folder")
            #expect(
                refused(#"{"files": {"folder": "r", "size": 5}}"#, in: folder)?.contains("automation.files.size")
                    == true)
        }
    }

    @Test func aFolderStandsForItsScripts() throws {
        try withScripts { folder in
            let one = try automation(#"{"scripts": "more"}"#, in: folder)
            let several = try automation(#"{"scripts": ["quota.lua", "more"]}"#, in: folder)
            #expect(one.scripts.map(\.name) == ["a", "b"])
            #expect(several.scripts.map(\.name) == ["quota", "a", "b"])
        }
    }

    @Test func otherShapesAreRefused() throws {
        try withScripts { folder in
            let cases = [
                (#"{"script": []}"#, "automation.script: unknown key; did you mean \"scripts\"?"),
                (
                    #"{"scripts": [{"file": "quota.lua", "setings": {}}]}"#,
                    "automation.scripts[0].setings: unknown key; did you mean \"settings\"?"
                ),
                (#"{"scripts": [{}]}"#, "automation.scripts[0]: a script needs a file"),
                (#"{"scripts": "none.lua"}"#, "automation.scripts: no such file or folder: \(folder)/none.lua"),
                (
                    #"{"scripts": ["quota.lua", "quota.lua"]}"#,
                    "automation.scripts[1]: duplicate script name: \"quota\""
                ),
                (
                    #"{"scripts": ["quota.lua", {"file": "more/a.lua", "name": "quota"}]}"#,
                    "automation.scripts[1].name: duplicate script name: \"quota\""
                ),
                (
                    #"{"scripts": [{"file": "more", "name": "x"}]}"#,
                    "automation.scripts[0].name: a folder of scripts takes no name"
                ),
                (
                    #"{"limits": {"memory": "lots"}}"#,
                    "automation.limits.memory: a size such as \"64MB\" is needed, found \"lots\""
                ),
                (#"{"limits": {"memory": 0}}"#, "automation.limits.memory: more than 0 is needed, found the number 0"),
                (
                    #"{"limits": {"time": 5}}"#,
                    "automation.limits.time: a duration such as \"10s\" is needed, found the number 5"
                ),
                (#"{"store": ""}"#, "automation.store: a text that is not empty is needed"),
                (#"{"http": {"deny": []}}"#, "automation.http.deny: unknown key"),
                (
                    #"{"http": {"allow": ["a.example", "https://b.example/"]}}"#,
                    "automation.http.allow[1]: a host such as \"example.com\", \"*.example.com\" or \"127.0.0.1:8080\" is needed, "
                        + "found \"https://b.example/\""
                ),
            ]
            for (text, message) in cases { #expect(refused(text, in: folder) == message) }
        }
    }
}
