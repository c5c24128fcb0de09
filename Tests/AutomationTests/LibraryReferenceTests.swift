// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import LuaRuntime
import Testing
import XrayProtos

@testable import Automation

struct LibraryReferenceTests {
    /// What a script's state has, whatever the reference says.
    private static func registered() async throws -> Set<String> {
        let bench = try ScriptBench()
        let scheduler = Scheduler(clock: bench.clock)
        let context = ScriptContext(
            control: bench.core, store: try ScriptStore(path: nil), scheduler: scheduler,
            pool: ScriptPool(threads: 1, clock: bench.clock), zone: .gmt, session: "", log: { _, _ in })
        let instance = ScriptInstance(
            script: .init(name: "x", path: "/x.lua"), context: context, lane: .init(name: "x", limit: .seconds(1)))
        let state = try LuaState()
        try Library.install(in: state, for: instance)
        return Set(state.registeredNames)
    }

    @Test func everythingRegisteredIsDescribedAndNothingElse() async throws {
        let described = Set(LibraryReference.all.map(\.name)).subtracting(["print", "require"])
        #expect(try await Self.registered() == described)
        #expect(LibraryReference.all.count == Set(LibraryReference.all.map(\.name)).count)
    }

    @Test func everyCallOfTheAPIIsDescribed() {
        for operation in ControlOperations.all {
            let name = "\(Library.tableName(of: operation.service)).\(operation.method)"
            #expect(LibraryReference.entry(named: name)?.text.contains(operation.service.fullName) == true, "\(name)")
        }
    }

    @Test func entriesAreFoundByNameAndPrefix() {
        #expect(LibraryReference.entry(named: "users.add")?.group == "users")
        #expect(LibraryReference.entry(named: "schedule.cancel")?.kind == .method)
        #expect(LibraryReference.entry(named: "users.nothing") == nil)
        #expect(LibraryReference.entries(prefix: "store.").map(\.shortName).first == "delete")
        #expect(LibraryReference.entry(named: "sleep")?.summary == "Suspends this run alone.")
    }

    @Test func noTextHasRunsOfBlanks() {
        for entry in LibraryReference.all + LibraryReference.testSection.entries {
            for text in [entry.signature, entry.text, entry.summary] {
                #expect(!text.contains("  "), "\(entry.name): \(text)")
            }
        }
    }

    /// What each function that is marked as waiting is called with; the API's own take nothing.
    private static let arguments = [
        "users.list": "'in'", "users.get": "'in', 'a@x'", "users.add": "'in', { email = 'a@x' }", "sleep": "1",
        "inbounds.list": "", "inbounds.remove": "'in'", "outbounds.list": "", "users.online": "",
        "rules.add": "{ ruleTag = 'r', outboundTag = 'o' }", "stats.query": "'x'", "flows.list": "",
        "flows.close": "{}",
        "log.rotate": "{ keep = 1 }", "log.restart": "", "events.wait": "'user.added'",
        "http.get": "'http://a/'", "http.post": "'http://a/', 'x'", "http.request": "{ url = 'http://a/' }",
        "inbounds.add": "{ tag = 'x' }",
    ]

    /// That none is forgotten is seen to by `Library.wait`, which refuses those that are not marked.
    @Test func whatIsMarkedAsWaitingWaits() async throws {
        var lines: [String] = ["local task, stream = spawn(print), routing.SubscribeRoutingStats{}"]
        for name in LibraryReference.waiting.sorted() {
            let call: String
            switch name {
            case "task:wait": call = "task:wait()"
            case "stream:next": call = "stream:next()"
            default:
                let isOperation = ControlOperations.all.contains {
                    "\(Library.tableName(of: $0.service)).\($0.method)" == name
                }
                guard let arguments = isOperation ? "{}" : Self.arguments[name] else {
                    Issue.record("\(name): which arguments does it take?")
                    continue
                }
                call = "\(name)(\(arguments))"
            }
            lines.append("log.info(pcall(store.transaction, function() \(call) end))")
        }
        let bench = try ScriptBench()
        let automation = try await bench.start(try bench.write("chunk", lines.joined(separator: "\n"))) {
            $0.http.allow = ["*"]
            $0.http.client = AsyncScriptHTTPClient()
            $0.objects = ConfigurationObjects(
                inbound: { _ in .init() }, outbound: { _ in .init() }, rule: { _ in .init() })
        }
        await automation.quiet()
        await automation.stop(grace: .zero)
        for name in LibraryReference.waiting {
            #expect(
                bench.core.log.contains { $0.hasSuffix(": \(name): waiting is not possible inside store.transaction") },
                "\(name)\n\(bench.core.log.joined(separator: "\n"))")
        }
    }

    @Test func eventsAndTablesAreFoundByTheirNames() throws {
        for event in EventCatalog.all {
            #expect(try #require(LibraryReference.help(for: event.name)).contains(event.text), "\(event.name)")
            #expect(try #require(LibraryReference.help(for: "events")).contains("\n    \(event.name)"), "\(event.name)")
        }
        let log = try #require(LibraryReference.help(for: "log"))
        #expect(log.contains("log.rotate{") && log.contains("event log\n"))
        #expect(try #require(LibraryReference.help(for: "core")).contains("core.session"))
        #expect(LibraryReference.help(for: "nothing") == nil)
    }

    @Test func everythingHasAnExampleThatCompiles() throws {
        let state = try LuaState()
        for entry in LibraryReference.all {
            #expect(!entry.example.isEmpty, "\(entry.name)")
            #expect(throws: Never.self, "\(entry.name)") { _ = try state.load(entry.example, name: entry.name) }
        }
    }

    @Test func thePageIsCurrent() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Scripts/REFERENCE.md").standardizedFileURL
        let page = try String(contentsOf: file, encoding: .utf8)
        #expect(page == LibraryReference.page, "run `tidegate reference --markdown > Scripts/REFERENCE.md`")
    }
}
