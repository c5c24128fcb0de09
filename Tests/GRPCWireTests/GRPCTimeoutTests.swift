// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import GRPCWire

struct GRPCTimeoutTests {
    private static let longTimes: [Int64] = [.max, .max / 2, 1_125_899_906_842_624, 34_560_000_000_000_000]

    @Test(arguments: [
        ("1H", TimeAmount.hours(1)), ("2M", .minutes(2)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
        ("5u", .microseconds(5)),
        ("6n", .nanoseconds(6)), ("0S", .zero), ("99999999n", .nanoseconds(99_999_999)),
    ])
    func readsAllUnits(text: String, amount: TimeAmount) {
        #expect(GRPCTimeout.parse(text.utf8) == amount)
    }

    @Test(arguments: ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", " 1S", "1S ", "S1", "1SS", "1HM", "é1S"])
    func refusesWhatIsNoTimeout(text: String) {
        #expect(GRPCTimeout.parse(text.utf8) == nil)
    }

    @Test func theLongestTimeoutMakesADeadline() throws {
        let amount = try #require(GRPCTimeout.parse("99999999H".utf8))
        #expect(amount > .hours(24 * 365 * 50))
        #expect(NIODeadline.now() + amount > .now())
    }

    @Test(arguments: [
        (TimeAmount.nanoseconds(1), "1n"), (.milliseconds(300), "300000u"), (.seconds(99), "99000000u"),
        (.seconds(100), "100000m"),
        (.hours(100), "360000S"), (.nanoseconds(-5), "1n"), (.zero, "1n"), (.nanoseconds(100_000_001), "100001u"),
    ])
    func encodesInTheFinestUnitThatFits(amount: TimeAmount, text: String) {
        #expect(GRPCTimeout.encode(amount) == text)
    }

    @Test(arguments: Self.longTimes)
    func whatIsEncodedCanBeRead(nanoseconds: Int64) {
        let text = GRPCTimeout.encode(.nanoseconds(nanoseconds))
        #expect(text.utf8.count <= 9)
        #expect(GRPCTimeout.parse(text.utf8) != nil)
    }
}
