// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import LuaRuntime

struct LuaModuleTests {
    private func state(_ modules: [String: String]) throws -> LuaState {
        try LuaState(modules: { modules[$0].map { Array($0.utf8) } })
    }

    private func message(_ state: LuaState, _ source: String) -> String? {
        do {
            _ = try state.evaluate(source, name: "s.lua")
            return nil
        } catch {
            return error.message
        }
    }

    @Test func aModuleIsLoadedOnceAndGetsItsName() throws {
        let state = try state(["lib.text": "loads = (loads or 0) + 1 return { name = ... }", "none": "x = 1"])
        #expect(
            try state.evaluate("local a, b = require('lib.text'), require('lib.text') return a == b, a.name, loads")
                == [true, "lib.text", 1])
        #expect(try state.evaluate("return require('none'), require('none')") == [true, true])
    }

    @Test(arguments: [
        ("\u{feff}x = 1", "x = 1"), ("#!/usr/bin/lua\nx = 1", "\nx = 1"), ("\u{feff}# one\r\nx", "\nx"), ("#", ""),
        ("", ""),
        ("x = #t", "x = #t"), ("\n#", "\n#"), ("\u{feff}\u{feff}", "\u{feff}"),
    ])
    func filesAreReadAsLuaReadsThem(text: String, stripped: String) {
        #expect(LuaFileText.stripped(Array(text.utf8)) == Array(stripped.utf8))
    }

    @Test func failuresNameTheModule() throws {
        let state = try state([
            "broken": "x = = 1", "fails": "\nerror('inside')", "loop": "return require('loop')",
            "once": "tries = (tries or 0) + 1 if tries == 1 then error('first') end return tries",
        ])
        #expect(message(state, "require('missing')") == "s.lua:1: module 'missing' not found")
        #expect(message(state, "require('broken')") == "broken.lua:1: unexpected symbol near '='")
        #expect(message(state, "require('fails')") == "fails.lua:2: inside")
        #expect(message(state, "require('loop')") == "loop.lua:1: require: module 'loop' requires itself")
        #expect(try state.evaluate("return pcall(require, 'once'), require('once')") == [false, 2])
        #expect(state.stackDepth == 0)
    }

    @Test(arguments: ["..", "../x", "a..b", "/etc/passwd", "a/", ".a", "a b", "a\\0b", "", "a//b", "é", "a/../b"])
    func unsafeNamesAreRefused(name: String) throws {
        nonisolated(unsafe) var asked = false
        let state = try LuaState(modules: { _ in
            asked = true
            return nil
        })
        #expect(message(state, "require('\(name)')")?.contains("not a module name") == true)
        #expect(!asked)
    }

    @Test func withoutModulesThereIsNoRequire() throws {
        #expect(message(try LuaState(), "require('x')")?.contains("global 'require'") == true)
    }

    @Test func aModuleMayWait() throws {
        let state = try state(["slow": "return wait()"])
        try state.register("wait") { _ in .yield(1) }
        let coroutine = try state.makeCoroutine(try state.load("return require('slow')", name: "s.lua"))
        guard case .suspended = try coroutine.resume() else { return #expect(Bool(false)) }
        guard case .finished(let values) = try coroutine.resume(with: ["late"]) else { return #expect(Bool(false)) }
        #expect(values == ["late"])
    }

    @Test func theFolderIsNotLeft() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("lua-\(UUID().uuidString)")
        let folder = root.appendingPathComponent("scripts")
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("lib"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        try Data("return 'in'".utf8).write(to: folder.appendingPathComponent("lib/text.lua"))
        try Data("return 'out'".utf8).write(to: root.appendingPathComponent("secret.lua"))
        try FileManager.default.createSymbolicLink(
            at: folder.appendingPathComponent("link.lua"), withDestinationURL: root.appendingPathComponent("secret.lua")
        )
        let modules = LuaModuleFolder(path: folder.path)
        let state = try LuaState(modules: modules.source)
        #expect(try state.evaluate("return require('lib.text')") == ["in"])
        #expect(message(state, "require('link')") == "module 'link' is outside the script folder")
        #expect(message(state, "require('absent')") == "s.lua:1: module 'absent' not found")
    }
}
