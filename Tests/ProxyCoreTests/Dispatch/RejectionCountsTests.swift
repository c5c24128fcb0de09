// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Telemetry
import Testing

@testable import ProxyCore

struct RejectionCountsTests {
    @Test func droppedDatagramsAreToldOnceASecondAndAllCounted() {
        let stats = StatsRegistry()
        let counts = RejectionCounts(stats: stats)
        func drop(_ reason: String = "unknown user", at milliseconds: Int64) -> Int? {
            counts.countDatagram(
                inbound: "in", reason: reason, now: .uptimeNanoseconds(0) + .milliseconds(milliseconds))
        }
        #expect(drop(at: 5_000) == 0)
        #expect(drop(at: 5_001) == nil)
        #expect(drop(at: 5_999) == nil)
        #expect(drop("another", at: 5_999) == 0, "each reason is told of for itself")
        #expect(drop(at: 6_000) == 2, "with those before it")
        #expect(drop(at: 7_000) == 0)
        #expect(stats.find("rejected>>>in>>>unknown user")?.value == 5)
        #expect(RejectedHandshakes.all(in: stats).map(\.reason) == ["unknown user", "another"])
    }
}
