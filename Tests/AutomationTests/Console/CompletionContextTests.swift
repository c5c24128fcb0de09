// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Automation

struct CompletionContextTests {
    private func context(_ text: String) -> (CompletionContext.Kind, path: [String], prefix: String) {
        let context = CompletionContext(text)
        return (context.kind, context.path, context.prefix)
    }

    @Test(
        arguments: [
            ("", [], ""), ("us", [], "us"), ("users.", ["users"], ""), ("users.ad", ["users"], "ad"),
            ("print(stats.ge", ["stats"], "ge"), ("a.b.c", ["a", "b"], "c"), ("stream:ne", ["stream"], "ne"),
            ("x = users", [], "users"), ("1 .. na", [], "na"), ("-- users.\nlog.in", ["log"], "in"),
            ("f(\"a\", lo", [], "lo"), ("f('it''s', g", [], "g"), (#"f("a \" b", h"#, [], "h"),
        ] as [(String, [String], String)])
    func namesAreSplitAtTheirDots(text: String, path: [String], prefix: String) {
        let found = context(text)
        #expect(found.0 == .name && found.path == path && found.prefix == prefix)
    }

    @Test(arguments: [
        (#"users.get("vl"#, "users.get", 1, "vl"), (#"users.get("vless-in", "al"#, "users.get", 2, "al"),
        (#"stats.get "user>>>"#, "stats.get", 1, "user>>>"), (#"f({ "a", "b"#, "", 2, "b"), (#"x = "y"#, "", 1, "y"),
        (#"users.add("in", { email = "c"#, "", 1, "c"),
    ])
    func aStringKnowsWhoseArgumentItIs(text: String, function: String, argument: Int, prefix: String) {
        let context = CompletionContext(text)
        #expect(context.kind == .text && context.prefix == prefix)
        #expect(context.function == function && context.argument == argument)
    }

    @Test(arguments: [
        ("stats.QueryStats{ pat", "stats.QueryStats", "pat"),
        ("stats.QueryStats{ pattern = \"x\", re", "stats.QueryStats", "re"),
        ("f({ na", "f", "na"), ("f{", "f", ""),
    ])
    func fieldsAreThoseOfTheCall(text: String, function: String, prefix: String) {
        let context = CompletionContext(text)
        #expect(context.kind == .field && context.function == function && context.prefix == prefix)
    }

    @Test func aStringKnowsWhoseFieldItIs() {
        #expect(CompletionContext(#"flows.close{ source = "x", email = "al"#).field == "email")
        #expect(CompletionContext(#"flows.close{ email="al"#).field == "email")
        #expect(CompletionContext(#"flows.close{ email = "a", "b"#).field.isEmpty)
    }

    @Test func aValueInATableIsNoField() {
        #expect(CompletionContext("f{ a = us").kind == .name)
        #expect(CompletionContext("f{ users.").kind == .name)
        #expect(CompletionContext("x = { a").kind == .name)
    }

    @Test func whateverIsTypedIsRead() {
        for text in ["", ")", "}}}", "\"\\", "'\\'", "((((", "a..b", "::", "\u{1F600}.", "f(\"\u{e9}"] {
            _ = CompletionContext(text)
        }
        #expect(CompletionContext("f(\"\u{e9}").prefix == "\u{e9}")
    }
}
