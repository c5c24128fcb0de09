// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Automation

/// A folder for scripts' files, and no way out of it.
struct ScriptFolderTests {
    /// Holds `files` and what lies beside it.
    private final class Place {
        let outer = FileManager.default.temporaryDirectory.appendingPathComponent("tidegate-\(UUID().uuidString)")
        var inner: URL { outer.appendingPathComponent("files") }

        init() throws {
            try FileManager.default.createDirectory(at: outer, withIntermediateDirectories: true)
            try Data("secret".utf8).write(to: outer.appendingPathComponent("secret"))
        }

        deinit { try? FileManager.default.removeItem(at: outer) }

        func open(quota: Int64 = 1000) throws -> ScriptFolder { try ScriptFolder(path: inner.path, quota: quota) }

        func names() throws -> [String] {
            let all = FileManager.default.enumerator(atPath: inner.path)?.compactMap { $0 as? String } ?? []
            return all.sorted()
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        let place = try Place()
        let folder = try place.open()
        try folder.write("a.csv", Array("one".utf8))
        try folder.write("2026/05/b.csv", Array("two".utf8))
        try folder.write("a.csv", Array("three".utf8))
        #expect(try folder.read("a.csv") == Array("three".utf8))
        #expect(try folder.read("2026/05/b.csv") == Array("two".utf8))
        #expect(try folder.read("c.csv") == nil && folder.read("x/c.csv") == nil)
        #expect(folder.list(prefix: "").map(\.name) == ["2026/05/b.csv", "a.csv"])
        #expect(folder.list(prefix: "a").map(\.size) == [5])
        #expect(try folder.remove("a.csv") && !folder.remove("a.csv") && !folder.remove("x/a.csv"))
        #expect(try place.names() == ["2026", "2026/05", "2026/05/b.csv"])
        let mode = try FileManager.default.attributesOfItem(atPath: place.inner.path + "/2026/05/b.csv")[
            .posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test(arguments: [
        "", ".", "..", "../secret", "a/../../secret", "/etc/passwd", "a//b", "a/", ".hidden", "a/.b", "a/b/c/d/e",
        "a\\b", "a\0b",
        "a\nb", String(repeating: "x", count: 201),
    ])
    func namesThatCouldLeadOutsideAreRefused(name: String) throws {
        let folder = try Place().open()
        #expect(throws: AutomationError.self) { try folder.read(name) }
        #expect(throws: AutomationError.self) { try folder.write(name, []) }
        #expect(throws: AutomationError.self) { try folder.remove(name) }
    }

    @Test func linksAreNotFollowed() throws {
        let place = try Place()
        let folder = try place.open()
        let files = FileManager.default
        try files.createSymbolicLink(
            at: place.inner.appendingPathComponent("link"),
            withDestinationURL: place.outer.appendingPathComponent("secret"))
        try files.createSymbolicLink(at: place.inner.appendingPathComponent("out"), withDestinationURL: place.outer)
        #expect(throws: AutomationError.self) { try folder.read("link") }
        #expect(throws: AutomationError.self) { try folder.write("link", [1]) }
        #expect(throws: AutomationError.self) { try folder.remove("link") }
        #expect(throws: AutomationError.self) { try folder.read("out/secret") }
        #expect(throws: AutomationError.self) { try folder.write("out/new", [1]) }
        #expect(folder.list(prefix: "").isEmpty)
        #expect(try String(contentsOf: place.outer.appendingPathComponent("secret"), encoding: .utf8) == "secret")
    }

    @Test func theQuotaHoldsForAllFilesTogether() throws {
        let place = try Place()
        let folder = try place.open(quota: 100)
        try folder.write("a", [UInt8](repeating: 1, count: 60))
        #expect(throws: AutomationError.self) { try folder.write("b", [UInt8](repeating: 1, count: 41)) }
        try folder.write("b", [UInt8](repeating: 1, count: 40))
        #expect(throws: AutomationError.self) { try folder.write("a", [UInt8](repeating: 1, count: 61)) }
        #expect(try folder.read("a")?.count == 60, "a refused write leaves the old file")
        try folder.write("a", [])
        try folder.write("b", [UInt8](repeating: 1, count: 100))
        // What others remove is room again.
        try FileManager.default.removeItem(at: place.inner.appendingPathComponent("b"))
        try folder.write("c", [UInt8](repeating: 1, count: 100))
    }

    @Test func aWriteThatDidNotEndLeavesNothing() throws {
        let place = try Place()
        try FileManager.default.createDirectory(at: place.inner, withIntermediateDirectories: true)
        try Data("half".utf8).write(to: place.inner.appendingPathComponent(".123-4.tmp"))
        let folder = try place.open()
        #expect(try place.names().isEmpty)
        #expect(folder.list(prefix: "").isEmpty)
    }

    @Test func scriptsReachTheFolderOnlyWhereOneIsConfigured() async throws {
        let bench = try ScriptBench()
        let lines = try await bench.run(#"log.info(pcall(files.write, "a", "b"))"#)
        #expect(
            lines.first?.contains("files: the configuration names no folder (automation.files)") == true, "\(lines)")
        let path = bench.folder.appendingPathComponent("files").path
        let source = #"""
            files.write("d/a.csv", "x\0y")
            log.info(#files.read("d/a.csv"), files.list("d/")[1].name, files.remove("d/a.csv"), files.read("d/a.csv"))
            log.info(select(2, pcall(files.write, "../a", "")))
            """#
        let automation = try await bench.start(try bench.write("files", source)) { $0.files = path }
        await automation.stop()
        #expect(bench.core.log.contains("[Info] script/files: 3 d/a.csv true nil"), "\(bench.core.log)")
        #expect(bench.core.log.contains { $0.contains(#""../a" is no name of a file"#) })
    }
}
