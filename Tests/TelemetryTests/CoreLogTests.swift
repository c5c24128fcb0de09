// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Synchronization
import Telemetry
import Testing

struct CoreLogTests {
    private let console = Console()
    private let clock = LogClock(
        now: { LogClock.Instant(seconds: 1_136_214_245, microseconds: 42) }, offset: { _ in -7 * 3600 })

    private func log(_ settings: LogSettings) throws -> CoreLog {
        try CoreLog(settings, console: { [console] in console.take($0) }, clock: clock)
    }

    @Test func errorLinesCarryTimeLevelSessionAndModule() throws {
        let log = try log(LogSettings(errorLevel: .info, access: .none))
        log.write(.warning, "core", "Tidegate started")
        log.write(.info, session: 2_463_210_921, "app/dispatcher", "taking detour")
        log.write(.debug, "core", "not written")
        log.close()
        #expect(
            console.text == """
                2006/01/02 08:04:05.000042 [Warning] core: Tidegate started
                2006/01/02 08:04:05.000042 [Info] [2463210921] app/dispatcher: taking detour

                """)
    }

    @Test(arguments: [
        (
            AccessRecord(from: "1.2.3.4:5", to: "tcp:a.b:443", detour: "in -> out", reason: "why", email: "a@b"),
            "from 1.2.3.4:5 accepted tcp:a.b:443 [in -> out] why email: a@b"
        ),
        (AccessRecord(from: "1.2.3.4:5", to: "a:1"), "from 1.2.3.4:5 accepted a:1"),
        (
            AccessRecord(from: "tcp:1.2.3.4:5", accepted: false, reason: "bad user"),
            "from tcp:1.2.3.4:5 rejected  bad user"
        ),
    ])
    func accessLines(record: AccessRecord, line: String) throws {
        let log = try log(LogSettings(error: .none, access: .console))
        log.access(record)
        log.close()
        #expect(console.text == "2006/01/02 08:04:05.000042 \(line)\n")
    }

    @Test func namesFromPeersCannotForgeLines() throws {
        let log = try log(LogSettings(access: .console, maskAddress: "half"))
        log.access(AccessRecord(from: "1.2.3.4:5", to: "tcp:evil\r\n2006/01/02 [Error] core: \u{1b}[31m:80"))
        log.close()
        #expect(
            console.text
                == "2006/01/02 08:04:05.000042 from 1.2.*.*:5 accepted tcp:evil\\r\\n2006/01/02 [Error] core: ?[31m:80\n"
        )
    }

    @Test func dnsLinesAreWrittenOnlyIfAskedFor() throws {
        let silent = try log(LogSettings(dnsLog: false))
        silent.dns("nothing")
        silent.close()
        #expect(console.text.isEmpty)
        let speaking = try log(LogSettings(dnsLog: true))
        speaking.dns("localhost got answer: a.test -> [10.0.0.1] 2ms")
        speaking.close()
        #expect(console.text.hasSuffix(" localhost got answer: a.test -> [10.0.0.1] 2ms\n"))
    }

    @Test func aMessageThatIsNotWrittenIsNotBuilt() throws {
        let log = try log(LogSettings(errorLevel: .none, error: .none, access: .none))
        #expect(!log.isEnabled(.error))
        log.write(
            .error, "x",
            {
                Issue.record("built"); return ""
            }())
        log.close()
    }

    @Test func observersSeeWhatTheErrorLogTakes() throws {
        let log = try log(LogSettings(error: .none, access: .none))
        let seen = Mutex<[String]>([])
        let id = log.observe { level, line in seen.withLock { $0.append("\(level) \(line)") } }
        log.write(.warning, "core", "one")
        log.write(.debug, "core", "two")
        log.removeObserver(id)
        log.write(.warning, "core", "three")
        #expect(seen.withLock { $0 } == ["warning [Warning] core: one"])
        log.close()
    }

    @Test func aMissingFolderIsAnErrorThatNamesTheFile() throws {
        let path = "/nonexistent-folder/access.log"
        #expect(throws: TelemetryError(code: .file, "cannot open log file \(path): No such file or directory")) {
            try CoreLog(LogSettings(access: .file(path: path)))
        }
    }

    @Test func filesAreMadePrivateAndAppendedTo() throws {
        let folder = try TemporaryFolder()
        for text in ["one", "two"] {
            let log = try log(LogSettings(error: .file(path: folder.path("e.log")), access: .none))
            log.write(.error, "", text)
            log.close()
            log.write(.error, "", "after close")
        }
        #expect(try folder.lines("e.log").count == 2)
        let mode = try FileManager.default.attributesOfItem(atPath: folder.path("e.log"))[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func bothLogsOnOneFileShareIt() throws {
        let folder = try TemporaryFolder()
        let target = LogTarget.file(path: folder.path("all.log"))
        let log = try log(LogSettings(error: target, access: target))
        for number in 0..<100 {
            log.write(.error, "", "\(number)")
            log.access(AccessRecord(from: "\(number)", to: "x"))
        }
        log.close()
        let lines = try folder.lines("all.log")
        #expect(lines.count == 200)
        #expect(lines[198].hasSuffix("[Error] 99") && lines[199].hasSuffix("from 99 accepted x"))
    }

    /// Eight writers, a file renamed and reopened under them: each line is whole, in one of the files, once.
    @Test func rotationUnderLoadLosesAndSplitsNoLine() async throws {
        let folder = try TemporaryFolder()
        let log = try log(LogSettings(error: .none, access: .file(path: folder.path("access.log"))))
        let writers = 8
        let perWriter = 3000
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writers {
                group.addTask {
                    for number in 0..<perWriter {
                        log.access(AccessRecord(from: "\(writer)-\(number)", to: "tcp:example.com:443", email: "a@b"))
                        if number % 100 == 0 { log.flush() }
                    }
                }
            }
            group.addTask {
                for rotation in 0..<20 {
                    try folder.rename("access.log", to: "access.log.\(rotation)")
                    try log.reopen()
                }
            }
            try await group.waitForAll()
        }
        log.close()
        var seen: Set<Substring> = []
        for file in try folder.files() {
            for line in try folder.lines(file) {
                let words = line.split(separator: " ")
                #expect(words.count == 8 && line.hasSuffix("accepted tcp:example.com:443 email: a@b"), "\(line)")
                #expect(seen.insert(words[3]).inserted)
            }
        }
        #expect(seen.count == writers * perWriter)
        #expect(try folder.files().count == 21)
    }

    /// Writers while the core renames the file itself: each line is whole, once, and in one of the files that are kept.
    @Test func rotationByNumberLosesNoLineAndKeepsSoMany() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("access.log")
        let log = try log(LogSettings(error: .none, access: .file(path: path)))
        let (writers, perWriter) = (4, 2000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writers {
                group.addTask {
                    for number in 0..<perWriter {
                        log.access(AccessRecord(from: "\(writer)-\(number)", to: "tcp:example.com:443"))
                        if number % 100 == 0 { log.flush() }
                    }
                }
            }
            group.addTask { for _ in 0..<10 { try log.rotate(path, keep: 20) } }
            try await group.waitForAll()
        }
        log.flush()
        #expect(try folder.files().sorted() == ["access.log"] + (1...10).map { "access.log.\($0)" }.sorted())
        var seen: Set<Substring> = []
        for file in try folder.files() {
            for line in try folder.lines(file) {
                #expect(line.hasSuffix("accepted tcp:example.com:443"), "\(line)")
                #expect(seen.insert(line.split(separator: " ")[3]).inserted)
            }
        }
        #expect(seen.count == writers * perWriter)
        for _ in 0..<3 { try log.rotate(path, keep: 2) }
        #expect(try folder.files().filter { $0.hasSuffix(".1") || $0.hasSuffix(".2") }.count == 2)
        #expect(try folder.files().contains("access.log.10"), "what a larger number of kept files left is not touched")
        log.close()
    }

    @Test func theNewestOldFileIsNumberOne() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("e.log")
        let log = try log(LogSettings(error: .file(path: path), access: .none))
        for text in ["first", "second", "third", "fourth"] {
            log.write(.error, "", text)
            try log.rotate(path, keep: 2)
        }
        #expect(log.files == [LogFile(logs: ["error"], path: path, size: 0)])
        #expect(try folder.lines("e.log.1").map { $0.hasSuffix("fourth") } == [true])
        #expect(try folder.lines("e.log.2").map { $0.hasSuffix("third") } == [true])
        #expect(try folder.files().sorted() == ["e.log", "e.log.1", "e.log.2"])
        log.close()
    }

    @Test func onlyTheLogsOwnFilesAreRotated() throws {
        let folder = try TemporaryFolder()
        try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path("other")))
        let log = try log(LogSettings(error: .file(path: folder.path("e.log")), access: .none))
        #expect(throws: TelemetryError.self) { try log.rotate(folder.path("other"), keep: 1) }
        #expect(throws: TelemetryError.self) { try log.rotate(folder.path("e.log"), keep: 0) }
        let device = try self.log(LogSettings(error: .file(path: "/dev/null"), access: .none))
        #expect(device.files.isEmpty)
        #expect(throws: TelemetryError.self) { try device.rotate("/dev/null", keep: 1) }
        #expect(try folder.files().sorted() == ["e.log", "other"])
    }

    @Test func aRotationThatFailsKeepsTheFileUnderItsName() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("e.log")
        // A folder stands where the old file is to go.
        try FileManager.default.createDirectory(atPath: path + ".1/x", withIntermediateDirectories: true)
        let log = try log(LogSettings(error: .file(path: path), access: .none))
        #expect(throws: TelemetryError.self) { try log.rotate(path, keep: 1) }
        log.write(.error, "", "still here")
        log.close()
        #expect(try folder.lines("e.log").count == 1)
    }

    @Test func reopenThatFailsKeepsTheOldFile() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("sub"), withIntermediateDirectories: false)
        let log = try log(LogSettings(error: .file(path: folder.path("sub/e.log")), access: .none))
        try folder.rename("sub", to: "moved")
        #expect(throws: TelemetryError.self) { try log.reopen() }
        log.write(.error, "", "still here")
        log.close()
        #expect(try folder.lines("moved/e.log").count == 1)
    }
}

/// What would be on standard output.
final class Console: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func take(_ more: [UInt8]) { bytes.withLock { $0 += more } }
    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
}

/// A folder that goes with the test.
final class TemporaryFolder: Sendable {
    private let root: String

    init() throws {
        root = NSTemporaryDirectory() + "telemetry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func path(_ name: String) -> String { "\(root)/\(name)" }
    func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: root) }

    func rename(_ name: String, to other: String) throws {
        try FileManager.default.moveItem(atPath: path(name), toPath: path(other))
    }

    func lines(_ name: String) throws -> [String] {
        let text = try String(contentsOfFile: path(name), encoding: .utf8)
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return text.split(separator: "\n").map(String.init)
    }
}
