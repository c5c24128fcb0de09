// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Telemetry

struct LogStampTests {
    @Test func formatsTheLocalTimeAndKeepsUpWithTheSecond() {
        let clock = LogClock(now: { .init(seconds: 0, microseconds: 0) }, offset: { $0 < 1_700_000_000 ? 3600 : 7200 })
        var stamp = LogStamp()
        var bytes: [UInt8] = []
        for instant in [(1_699_999_999, 999_999), (1_700_000_000, 0), (1_700_000_000, 12_345)] {
            stamp.append(LogClock.Instant(seconds: instant.0, microseconds: instant.1), of: clock, to: &bytes)
        }
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "2023/11/14 23:13:19.999999 2023/11/15 00:13:20.000000 2023/11/15 00:13:20.012345 ")
    }

    @Test func theSystemClockIsAroundNow() {
        let instant = LogClock.system.now()
        #expect(instant.seconds > 1_700_000_000)
        #expect((0..<1_000_000).contains(instant.microseconds))
        #expect(abs(LogClock.system.offset(instant.seconds)) <= 14 * 3600)
    }
}
