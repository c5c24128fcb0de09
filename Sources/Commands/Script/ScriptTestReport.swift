// SPDX-License-Identifier: Apache-2.0
import Automation
import Foundation
import Synchronization

/// What tests have come to, told as they end.
final class ScriptTestReport: Sendable {
    private let results = Mutex<[ScriptTestResult]>([])
    private let isColoured: Bool
    private let isQuiet: Bool
    /// The test under way, and whether a line of the terminal says so.
    private let current = Mutex<(name: String, since: ContinuousClock.Instant, isShown: Bool)?>(nil)

    /// How long, in real time, a test may take before ``tick()`` shows it.
    private static let silence = Duration.seconds(5)

    init(isColoured: Bool, isQuiet: Bool) {
        self.isColoured = isColoured
        self.isQuiet = isQuiet
    }

    var count: Int { results.withLock { $0.count } }
    var failures: Int { results.withLock { $0.count { !$0.hasPassed } } }

    func begin(_ name: String) {
        current.withLock { $0 = (name, .now, false) }
    }

    /// On a terminal: shows which test takes its time, on a line that its result replaces.
    func tick() {
        guard isColoured, !isQuiet else { return }
        current.withLock { current in
            guard let test = current, case let passed = ContinuousClock.now - test.since, passed >= Self.silence else {
                return
            }
            current?.isShown = true
            let name = DisplayText.cut(DisplayText.safe(test.name), to: 50)
            print("\r  ...    \(name) (\(passed.components.seconds) s)\u{1b}[K", terminator: "")
            fflush(nil)
        }
    }

    func add(_ result: ScriptTestResult) {
        current.withLock { current in
            if current?.isShown == true { print("\r\u{1b}[K", terminator: "") }
            current = nil
        }
        let isFirstOfFile = results.withLock { results in
            defer { results.append(result) }
            return results.last?.file != result.file
        }
        guard !isQuiet else { return }
        if isFirstOfFile { print(result.file) }
        let time = String(format: "%.0f ms", result.duration * 1000)
        let passed = result.elapsed > 0 ? ", \(Duration.seconds(result.elapsed.rounded()).text) passed" : ""
        let name = result.name.isEmpty ? "the file" : result.name
        print("  \(mark(result.hasPassed)) \(name) \(dim("(\(time)\(passed))"))")
        guard let failure = result.failure else { return }
        for line in failure.split(separator: "\n") { print("      \(line)") }
        guard !result.log.isEmpty else { return }
        let rest = result.log.count - Self.shownLines
        print(dim(rest > 0 ? "      log (\(rest) lines before it):" : "      log:"))
        for line in result.log.suffix(Self.shownLines) { print(dim("        \(line)")) }
    }

    /// How much of the log a failure shows.
    private static let shownLines = 20

    var summary: String {
        let results = results.withLock { $0 }
        let failed = failures
        let time = String(format: "%.1f s", results.reduce(0) { $0 + $1.duration })
        let files = Set(results.map(\.file)).count
        let total =
            "\(results.count) \(results.count == 1 ? "test" : "tests") in \(files) \(files == 1 ? "file" : "files")"
        let outcome = failed == 0 ? "all passed" : "\(results.count - failed) passed, \(failed) failed"
        return "\(total): \(outcome) (\(time))"
    }

    /// `{ "passed", "failed", "tests": [{ "file", "name", "passed", "milliseconds", "elapsed", "line", "message", "log" }] }`;
    /// `line` and `message` are there for failures only.
    var json: String {
        struct Test: Encodable {
            var file, name: String
            var passed: Bool
            var milliseconds, elapsed: Double
            var line: Int?
            var message: String?
            var log: [String]
        }
        struct Report: Encodable {
            var passed, failed: Int
            var tests: [Test]
        }
        let results = results.withLock { $0 }
        let tests = results.map { result in
            let place = result.failure?.prefixMatch(of: #/[^:\n]+:(\d+): /#)
            let message = result.failure.map { String($0[(place?.range.upperBound ?? $0.startIndex)...]) }
            return Test(
                file: result.file, name: result.name, passed: result.hasPassed,
                milliseconds: (result.duration * 1e6).rounded() / 1000, elapsed: result.elapsed,
                line: place.flatMap { Int($0.output.1) }, message: message, log: result.log)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let report = Report(passed: results.count - failures, failed: failures, tests: tests)
        return (try? encoder.encode(report)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private func mark(_ hasPassed: Bool) -> String {
        guard isColoured else { return hasPassed ? "ok    " : "FAILED" }
        return hasPassed ? "\u{1b}[32mok    \u{1b}[0m" : "\u{1b}[31mFAILED\u{1b}[0m"
    }

    private func dim(_ text: String) -> String {
        isColoured ? "\u{1b}[2m\(text)\u{1b}[0m" : text
    }
}
