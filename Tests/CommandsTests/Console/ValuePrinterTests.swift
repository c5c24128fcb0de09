// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import XrayProtos

@testable import Commands

struct ValuePrinterTests {
    private typealias Value = Tidegate_Script_V1_Value

    private static func text(_ text: String) -> Tidegate_Script_V1_Value { .with { $0.text = text } }
    private static func integer(_ number: Int64) -> Tidegate_Script_V1_Value { .with { $0.integer = number } }
    private static func list(_ values: [Tidegate_Script_V1_Value]) -> Tidegate_Script_V1_Value {
        .with { $0.table.elements = values }
    }
    private static func table(_ fields: [String: Tidegate_Script_V1_Value]) -> Tidegate_Script_V1_Value {
        .with { value in
            value.table.fields = fields.map { name, field in
                .with {
                    $0.key = text(name)
                    $0.value = field
                }
            }
        }
    }

    @Test func valuesWithoutTablesStandOnOneLine() {
        let values = [
            Self.integer(42), Self.text("a b"), Value(), .with { $0.boolean = true }, .with { $0.number = 2 },
        ]
        #expect(ValuePrinter().text(values) == "42\ta b\tnil\ttrue\t2.0\n")
        #expect(ValuePrinter().text([]).isEmpty)
    }

    @Test func recordsStandInColumnsNamesFirst() {
        let rows = [("bob", 10), ("alice@example.com", 5)].map { name, up in
            Self.table(["up": Self.integer(Int64(up)), "email": Self.text(name)])
        }
        #expect(
            ValuePrinter().text([Self.list(rows)]) == """
                email              up
                bob                10
                alice@example.com   5

                """)
    }

    @Test func aTableInAColumnShowsWhatMattersFirst() {
        let account = Self.table(["flow": Self.text("f"), "id": Self.text("x"), "_TypedMessage_": Self.text("t")])
        let text = ValuePrinter().text([Self.list([Self.table(["account": account])])])
        #expect(text == "account\n{ id = \"x\", flow = \"f\" }\n")
    }

    @Test func recordsByNameHaveTheirNameInFront() {
        let table = Self.table(["a": Self.table(["x": Self.integer(1)]), "b": Self.table(["x": Self.integer(22)])])
        #expect(ValuePrinter().text([table]) == "    x\na   1\nb  22\n")
    }

    @Test func aLongListIsCutAndCounted() {
        var printer = ValuePrinter()
        printer.rows = 2
        let rows = (1...5).map { Self.table(["id": Self.integer($0)]) }
        #expect(printer.text([Self.list(rows)]) == "id\n 1\n 2\n… and 3 more\n")
        let cut = Self.list(rows + [.with { $0.other = "…" }])
        #expect(printer.text([cut]).hasSuffix("… and more than 3 others\n"))
    }

    @Test func smallTablesStandOnOneLineLargerOnesAreIndented() {
        #expect(
            ValuePrinter().text([Self.table(["up": Self.integer(1), "down": Self.text("x")])])
                == "{ down = \"x\", up = 1 }\n")
        var printer = ValuePrinter()
        printer.width = 30
        let inner = Self.table([
            "text": Self.text(String(repeating: "y", count: 20)), "n": Self.list([Self.integer(1)]),
        ])
        #expect(
            printer.text([Self.table(["outer": inner])]) == """
                {
                  outer = {
                    n = { 1 }
                    text = "\(String(repeating: "y", count: 20))"
                  }
                }

                """)
    }

    @Test func depthIsBounded() {
        var value = Self.integer(1)
        for _ in 0..<60 { value = Self.table(["t": value, "pad": Self.text(String(repeating: "p", count: 90))]) }
        let text = ValuePrinter().text([value])
        #expect(text.contains("{ … }") && text.split(separator: "\n").count < 30)
    }

    @Test func whatPeersNameDoesNotSteerTheTerminal() {
        let evil = "a\u{1b}[2Jb\u{7}\u{202e}"
        #expect(ValuePrinter().text([Self.text(evil)]) == "a\\x1b[2Jb\\x07\\u{202e}\n")
        #expect(!ValuePrinter().text([Self.list([Self.table([evil: Self.text(evil)])])]).contains("\u{1b}"))
        #expect(ValuePrinter().text([.with { $0.octets = Data([0xff, 0x41]) }]) == "\"\\xffA\"\n")
    }

    @Test(arguments: [
        (1.0, "1.0"), (0.1, "0.1"), (1e100, "1e+100"), (-2.5, "-2.5"), (.infinity, "inf"),
        (1.0 / 3, "0.33333333333333"),
    ])
    func numbersAreWrittenAsLuaWritesThem(number: Double, text: String) {
        #expect(ValuePrinter.text(number) == text)
    }
}

struct LineCompletionTests {
    private func complete(_ typed: String, _ candidates: [String], hasMore: Bool = false) -> LineCompletion {
        LineCompletion(replaced: typed.count, typed: typed, candidates: candidates, hasMore: hasMore, columns: 30)
    }

    @Test func oneCandidateIsTaken() {
        #expect(complete("us", ["users"]).text == "users")
        #expect(complete("users", ["users"]).text == nil)
        #expect(complete("zz", []) == LineCompletion())
    }

    @Test func whatAllHaveInCommonIsTakenThenTheyAreListed() {
        #expect(complete("a", ["alpha", "alps"]).text == "alp")
        let listed = complete("alp", ["alpha", "alps"], hasMore: true)
        #expect(listed.text == nil && listed.listing == "alpha  alps\n…")
    }

    @Test func aListIsReadDownItsColumns() {
        let names = (1...7).map { "name-\($0)-long" }
        #expect(
            complete("name-", names).listing
                == "name-1-long  name-5-long\nname-2-long  name-6-long\nname-3-long  name-7-long\nname-4-long")
    }
}

struct DisplayTextTests {
    @Test func proseIsWrappedAndCodeIsNot() {
        let text = "one two three four\n\n    code that is long\nword-longer-than-that"
        #expect(
            DisplayText.wrapped(text, to: 9) == "one two\nthree\nfour\n\n    code that is long\nword-longer-than-that")
    }
}

struct TextTableTests {
    @Test func whatDoesNotFitIsCutOff() {
        var table = TextTable(["a", "bb", "c"], alignments: [.left, .right])
        table.add(["1", "2", "a long text"])
        #expect(table.text() == "a  bb  c\n1   2  a long text\n")
        #expect(table.text(width: 16) == "a  bb  c\n1   2  a long t…\n")
        #expect(table.text(width: 8) == "a  bb\n1   2\n")
    }
}

struct ConsoleHistoryTests {
    @Test func linesAreKeptForTheOwnerAlone() throws {
        let folder = NSTemporaryDirectory() + "tg-\(UUID().uuidString)"
        let history = try #require(ConsoleHistory(environment: ["XDG_STATE_HOME": folder]))
        #expect(history.lines.isEmpty)
        for number in 1...(ConsoleHistory.kept * 2 + 1) { history.add("line \(number)") }
        history.add("two\nlines")
        #expect(history.lines.last == "two lines" && history.lines.count == ConsoleHistory.kept)
        let attributes = try FileManager.default.attributesOfItem(atPath: history.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func theEnvironmentSaysWhere() {
        #expect(ConsoleHistory(environment: ["TIDEGATE_HISTORY": "/x/y", "HOME": "/h"])?.path == "/x/y")
        #expect(ConsoleHistory(environment: ["HOME": "/h"])?.path == "/h/.local/state/tidegate/history")
        #expect(ConsoleHistory(environment: ["TIDEGATE_HISTORY": "", "HOME": "/h"]) == nil)
        #expect(ConsoleHistory(environment: [:]) == nil)
    }
}
