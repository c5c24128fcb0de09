// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Decides when a socket of a bulk transfer is to be read less often.
///
/// A sender that writes a few kilobytes at a time wakes its reader for each of them, and with small chunks going out as they
/// came in, most of the CPU is spent on system calls. For a stream that is plainly such a transfer the kernel is told to wait
/// until more has come in (`SO_RCVLOWAT`, socket(7)): as much as the stream moves in half a millisecond, 64 KiB at most. Measured on
/// loopback, uploads of small writes cost 0.3 to 0.5 of the CPU that they cost without, at the same speed.
///
/// A mark may delay the end of a burst, until ``ReadPacer`` sees that nothing more was read and takes the mark back. So a
/// stream whose other direction answers is never marked, and one that paused under a mark has to move more before it is
/// marked again: 32 reads, then four times as many with each pause, up to 65,536, and a fourth for each 512 reads under a mark.
///
/// Costs an addition and a comparison for each read, and a look at the clock for every 32nd.
struct ReadPace {
    /// What a mark may add to the time that a byte waits, while more come in at the speed measured.
    private static let delay = TimeAmount.microseconds(500)
    private static let largestMark: Int64 = 64 * 1024
    /// Less than this in `delay` (130 Mbit/s) is not worth a mark.
    private static let smallestMark: Int64 = 8 * 1024
    private static let shortestSpan: UInt32 = 32
    private static let longestSpan: UInt32 = 65_536
    /// Looks under a mark, each `shortestSpan` reads apart, that make up for one pause.
    private static let trust = 16
    /// The other direction may read once for so many reads of this one.
    private static let readsForAnAnswer: UInt32 = 8

    /// All reads of the socket, modulo 2³².
    private(set) var reads: UInt32 = 0
    /// The mark that is set; 1 = none.
    private(set) var mark: Int32 = 1
    private var nextLook = Self.shortestSpan
    /// How many reads apart the looks are while there is no mark.
    private var span = Self.shortestSpan
    private var looksUnderMark = 0
    private var readsAtTick: UInt32 = 0
    private var lookedAt = NIODeadline.uptimeNanoseconds(0)
    private var readsAtLook: UInt32 = 0
    private var answersAtLook: UInt32 = 0
    private var movedAtLook: Int64 = 0

    /// Notes that the socket was read; true when it is time for ``look(at:moved:answers:)``.
    mutating func noteRead() -> Bool {
        reads &+= 1
        return reads == nextLook
    }

    /// Judges the stream by what it did since the last look.
    /// - Parameters:
    ///   - moved: Bytes received in all.
    ///   - answers: Reads of the other direction's socket in all, modulo 2³².
    /// - Returns: A mark to set, 1 to take it back; nil when all stays as it is.
    mutating func look(at now: NIODeadline, moved: Int64, answers: UInt32) -> Int32? {
        let isFirst = lookedAt == .uptimeNanoseconds(0)
        let elapsed = max(1, (now - lookedAt).nanoseconds)
        let (bytes, count, answered) = (moved - movedAtLook, reads &- readsAtLook, answers &- answersAtLook)
        (lookedAt, movedAtLook, readsAtLook, answersAtLook) = (now, moved, reads, answers)
        defer { nextLook = reads &+ (mark > 1 ? Self.shortestSpan : span) }
        guard !isFirst else { return nil }

        let inDelay = Int64(Double(bytes) * Double(Self.delay.nanoseconds) / Double(elapsed))
        let isBulk = inDelay >= Self.smallestMark && answered <= count / Self.readsForAnAnswer
        if mark > 1 {
            guard isBulk else { return release() }
            looksUnderMark += 1
            if looksUnderMark % Self.trust == 0 { span = max(span / 4, Self.shortestSpan) }
            let better = Int32(min(inDelay, Self.largestMark))
            guard better > mark * 2 || better < mark / 2 else { return nil }
            mark = better
            return better
        }
        let wanted = min(inDelay, Self.largestMark)
        // Reads that are as large already are as rare already.
        guard isBulk, bytes / Int64(max(1, count)) < wanted / 2 else { return nil }
        mark = Int32(wanted)
        looksUnderMark = 0
        readsAtTick = reads
        return mark
    }

    /// False when nothing was read since the last call: the mark must be taken back.
    mutating func keepsMoving() -> Bool {
        defer { readsAtTick = reads }
        return reads != readsAtTick
    }

    /// Takes the mark back, because the stream paused.
    /// - Returns: The mark to set.
    mutating func pause() -> Int32 {
        span = min(span * 4, Self.longestSpan)
        return release()
    }

    /// No mark can be set on this socket.
    mutating func giveUp() {
        mark = 1
        span = Self.longestSpan
        nextLook = reads &+ span
    }

    private mutating func release() -> Int32 {
        mark = 1
        nextLook = reads &+ span
        return mark
    }
}
