// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The time that log lines carry; injected by tests.
package struct LogClock: Sendable {
    package struct Instant: Sendable, Equatable {
        /// Unix seconds.
        package var seconds: Int
        package var microseconds: Int

        package init(seconds: Int, microseconds: Int) {
            self.seconds = seconds
            self.microseconds = microseconds
        }
    }

    package var now: @Sendable () -> Instant
    /// Seconds east of Greenwich at a Unix time.
    package var offset: @Sendable (_ seconds: Int) -> Int

    package init(now: @escaping @Sendable () -> Instant, offset: @escaping @Sendable (_ seconds: Int) -> Int) {
        self.now = now
        self.offset = offset
    }

    /// The system's time in the local zone.
    package static let system = LogClock(
        now: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Instant(seconds: Int(time.tv_sec), microseconds: Int(time.tv_nsec) / 1000)
        },
        offset: { seconds in
            var time = time_t(seconds)
            var parts = tm()
            localtime_r(&time, &parts)
            return Int(parts.tm_gmtoff)
        })
}

/// Writes `2006/01/02 15:04:05.000000 `; the part up to the second is kept until the second changes.
struct LogStamp {
    private var second = Int.min
    private var prefix: [UInt8] = []

    mutating func append(_ instant: LogClock.Instant, of clock: LogClock, to bytes: inout [UInt8]) {
        if instant.seconds != second {
            second = instant.seconds
            prefix = Self.prefix(localSeconds: instant.seconds + clock.offset(instant.seconds))
        }
        bytes += prefix
        Self.append(instant.microseconds, digits: 6, to: &bytes)
        bytes.append(UInt8(ascii: " "))
    }

    private static func prefix(localSeconds: Int) -> [UInt8] {
        var seconds = time_t(localSeconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var bytes: [UInt8] = []
        append(Int(parts.tm_year) + 1900, digits: 4, to: &bytes)
        let rest: [(Character, Int)] = [
            ("/", Int(parts.tm_mon) + 1), ("/", Int(parts.tm_mday)), (" ", Int(parts.tm_hour)),
            (":", Int(parts.tm_min)), (":", Int(parts.tm_sec)),
        ]
        for (mark, number) in rest {
            bytes += Array(String(mark).utf8)
            append(number, digits: 2, to: &bytes)
        }
        bytes.append(UInt8(ascii: "."))
        return bytes
    }

    private static func append(_ number: Int, digits: Int, to bytes: inout [UInt8]) {
        let start = bytes.count
        var rest = max(0, number)
        for _ in 0..<digits {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        }
        bytes[start...].reverse()
    }
}
