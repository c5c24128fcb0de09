// SPDX-License-Identifier: Apache-2.0
import Dispatch
import ProxyModel
import Synchronization
import Testing

@testable import Telemetry

struct LogWriterTests {
    private let clock = LogClock(now: { LogClock.Instant(seconds: 0, microseconds: 0) }, offset: { _ in 0 })

    @Test func whatDoesNotFitIsDroppedCountedAndTold() {
        let console = Console()
        let gate = DispatchSemaphore(value: 0)
        let entered = DispatchSemaphore(value: 0)
        let isFirst = Mutex(true)
        let sink = LogSink(console: { bytes in
            let mustWait = isFirst.withLock { first in
                defer { first = false }
                return first
            }
            console.take(bytes)
            if mustWait {
                entered.signal()
                gate.wait()
            }
        })
        let writer = LogWriter(sinks: [sink], clock: clock, limits: LogWriter.Limits(bytes: 1 << 20, lines: 10))
        writer.enqueue("first", for: 0)
        entered.wait()
        // The sink is stuck now: ten lines wait, five are dropped, and nobody blocks.
        for number in 0..<15 { writer.enqueue("line \(number)", for: 0) }
        gate.signal()
        writer.flush()
        writer.stop()
        writer.waitUntilEnded(timeout: .distantFuture)
        let lines = console.text.split(separator: "\n").map { $0.dropFirst("1970/01/01 00:00:00.000000 ".count) }
        let note = "[Warning] log: 5 lines were dropped: the log could not be written, or not fast enough"
        #expect(lines.map(String.init) == ["first"] + (0..<10).map { "line \($0)" } + [note])
    }

    @Test func theByteLimitCountsToo() {
        let console = Console()
        let gate = DispatchSemaphore(value: 0)
        let entered = DispatchSemaphore(value: 0)
        let sink = LogSink(console: { bytes in
            console.take(bytes)
            entered.signal()
            gate.wait()
        })
        let writer = LogWriter(sinks: [sink], clock: clock, limits: LogWriter.Limits(bytes: 100, lines: 1000))
        writer.enqueue("first", for: 0)
        entered.wait()
        for _ in 0..<10 { writer.enqueue(String(repeating: "x", count: 60), for: 0) }
        for _ in 0..<3 { gate.signal() }
        writer.flush()
        #expect(console.text.contains("[Warning] log: 8 lines were dropped"))
        writer.stop()
    }

    @Test func linesThatTheDiskRefusedAreToldOnceItTakesThemAgain() {
        let console = Console()
        let attempts = Mutex(0)
        let isFull = Mutex(true)
        let sink = LogSink(refusing: { bytes in
            attempts.withLock { $0 += 1 }
            guard !isFull.withLock({ $0 }) else { return false }
            console.take(bytes)
            return true
        })
        let writer = LogWriter(sinks: [sink], clock: clock, limits: LogWriter.Limits())
        writer.enqueue("lost", for: 0)
        writer.flush()
        writer.flush()
        // Nothing new to write: no second attempt.
        #expect(attempts.withLock { $0 } == 1)
        isFull.withLock { $0 = false }
        writer.enqueue("kept", for: 0)
        writer.flush()
        writer.stop()
        let lines = console.text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first?.contains("1 lines were dropped") == true)
        #expect(lines.last?.hasSuffix(" kept") == true)
    }

    @Test func aFullDeviceBlocksNobody() throws {
        let log = try CoreLog(LogSettings(error: .file(path: "/dev/full"), access: .none))
        for number in 0..<1000 { log.write(.error, "", "\(number)") }
        log.flush()
        log.close()
    }
}
