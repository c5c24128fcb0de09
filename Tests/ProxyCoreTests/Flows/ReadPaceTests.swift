// SPDX-License-Identifier: Apache-2.0
import NIOCore
import TestSupport
import Testing

@testable import ProxyCore

/// A stream whose reads happen at a steady rate, on a clock of its own.
private struct Stream {
    var pace = ReadPace()
    var moved: Int64 = 0
    var answers: UInt32 = 0
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    /// Marks that were set, in order.
    var marks: [Int32] = []

    /// - Parameter answered: One answer for so many reads; 0 = none.
    mutating func read(_ count: Int, of bytes: Int, every gap: TimeAmount, answered: Int = 0) {
        for number in 1...count {
            now = now + gap
            moved += Int64(bytes)
            if answered > 0, number % answered == 0 { answers &+= 1 }
            if pace.noteRead(), let mark = pace.look(at: now, moved: moved, answers: answers) { marks.append(mark) }
        }
    }
}

@Suite struct ReadPaceTests {
    @Test func smallReadsOfAFastStreamAreMarkedWithWhatItMovesInHalfAMillisecond() {
        var stream = Stream()
        stream.read(64, of: 2_000, every: .microseconds(50))
        #expect(stream.marks == [20_000])
    }

    @Test func aMarkIsSixtyFourKilobytesAtMost() {
        var stream = Stream()
        stream.read(64, of: 8_000, every: .microseconds(10))
        #expect(stream.marks == [65_536])
    }

    @Test func aShortStreamIsLeftAlone() {
        var stream = Stream()
        stream.read(63, of: 8_000, every: .microseconds(10))
        #expect(stream.marks.isEmpty)
    }

    @Test func aSlowStreamIsLeftAlone() {
        var stream = Stream()
        stream.read(10_000, of: 1_400, every: .microseconds(100))
        #expect(stream.marks.isEmpty)
    }

    @Test func aStreamThatIsAnsweredIsLeftAlone() {
        var stream = Stream()
        stream.read(10_000, of: 8_000, every: .microseconds(20), answered: 4)
        #expect(stream.marks.isEmpty)
    }

    @Test func largeReadsAreLeftAlone() {
        var stream = Stream()
        stream.read(10_000, of: 500_000, every: .microseconds(200))
        #expect(stream.marks.isEmpty)
    }

    @Test func theMarkFollowsTheSpeed() {
        var stream = Stream()
        stream.read(64, of: 2_000, every: .microseconds(50))
        stream.read(32, of: 60_000, every: .microseconds(500))
        stream.read(32, of: 60_000, every: .microseconds(520))
        stream.read(32, of: 10_000, every: .microseconds(500))
        #expect(stream.marks == [20_000, 60_000, 10_000])
    }

    @Test func aStreamThatSlowsDownLosesItsMark() {
        var stream = Stream()
        stream.read(64, of: 2_000, every: .microseconds(50))
        stream.read(32, of: 20_000, every: .milliseconds(2))
        #expect(stream.marks == [20_000, 1])
    }

    @Test func anAnswerTakesTheMarkBack() {
        var stream = Stream()
        stream.read(64, of: 2_000, every: .microseconds(50))
        stream.read(32, of: 20_000, every: .microseconds(500), answered: 2)
        #expect(stream.marks == [20_000, 1])
    }

    @Test func aPauseTakesTheMarkBackAndMakesTheNextOneRarer() {
        var stream = Stream()
        stream.read(64, of: 2_000, every: .microseconds(50))
        stream.read(1, of: 20_000, every: .microseconds(500))
        let looks = [stream.pace.keepsMoving(), stream.pace.keepsMoving()]
        #expect(looks == [true, false])
        let mark = stream.pace.pause()
        #expect(mark == 1)
        stream.read(127, of: 2_000, every: .microseconds(50))
        #expect(stream.marks == [20_000])
        stream.read(1, of: 2_000, every: .microseconds(50))
        #expect(stream.marks.count == 2)
    }

    @Test func longSpeedUnderAMarkMakesUpForEarlierPauses() {
        var stream = Stream()
        stream.read(64, of: 2_000, every: .microseconds(50))
        _ = stream.pace.pause()
        stream.read(128, of: 2_000, every: .microseconds(50))
        stream.read(32 * 16, of: 20_000, every: .microseconds(500))
        stream.read(32, of: 20_000, every: .milliseconds(2))
        #expect(stream.marks.last == 1)
        stream.read(32, of: 2_000, every: .microseconds(50))
        #expect(stream.marks.last == 20_000)
    }

    @Test func aSocketWithoutMarksIsSeldomTriedAgain() {
        var stream = Stream()
        stream.read(64, of: 2_000, every: .microseconds(50))
        stream.pace.giveUp()
        stream.read(65_535, of: 2_000, every: .microseconds(50))
        #expect(stream.marks == [20_000])
    }

    @Test func countersOfReadsMayWrap() {
        var stream = Stream()
        stream.answers = .max
        stream.read(64, of: 2_000, every: .microseconds(50), answered: 16)
        #expect(stream.marks == [20_000])
    }

    @Test(arguments: [1, 700, 8_191]) func theEndOfABurstArrivesAlthoughTheStreamStaysOpen(odd: Int) async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        let client = try TCPClient(port: stage.port, timeout: 60)
        try await offPool {
            let burst = [UInt8](repeating: 1, count: 4_096)
            let rounds = 4_000
            try client.send(Array(CoreStage.request(up: 8 + rounds * burst.count + odd, down: 5).prefix(8)))
            for _ in 0..<rounds { try client.send(burst) }
            try client.send([UInt8](repeating: 2, count: odd))
            #expect(try client.receive(exactly: 5).count == 5)
        }
        await stage.stop()
    }
}
