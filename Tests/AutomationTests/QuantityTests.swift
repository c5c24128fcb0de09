// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Automation

struct QuantityTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("2s", .seconds(2)), ("5m", .seconds(300)), ("1h30m", .seconds(5400)),
        ("1.5h", .seconds(5400)), ("1d", .seconds(86_400)), ("0s", .zero), ("3us", .microseconds(3)),
        ("2w", .seconds(1_209_600)),
    ])
    func durationsAreRead(text: String, value: Duration) throws {
        #expect(try Duration(parsing: text) == value)
        #expect(try Duration(parsing: value.text) == value)
    }

    @Test(arguments: [
        "", "5", "s", "5x", "1m1h", "1s1s", "-1s", "1..5s", ".s", "1 s", "999999999999w", "1e9s", "5mm",
        String(repeating: "1", count: 80) + "s",
    ])
    func otherTextIsNotADuration(text: String) {
        #expect(throws: AutomationError.self) { try Duration(parsing: text) }
    }

    @Test(arguments: [
        ("50GB", Int64(53_687_091_200)), ("1MB", 1_048_576), ("1.5 GiB", 1_610_612_736), ("800k", 819_200),
        ("1024", 1024),
        ("0", 0), ("7 b", 7), ("1pib", 1_125_899_906_842_624),
    ])
    func sizesAreRead(text: String, value: Int64) throws {
        #expect(try ByteSize.parse(text) == value)
    }

    @Test(arguments: ["", "GB", "-1MB", "1XB", "1MB 2", "99999999PB", "1  MB", "nan", "inf"])
    func otherTextIsNotASize(text: String) {
        #expect(throws: AutomationError.self) { try ByteSize.parse(text) }
    }

    @Test func sizesAreShownWithTwoDigits() {
        #expect(ByteSize.text(999) == "999 B")
        #expect(ByteSize.text(1_572_864) == "1.50 MB")
        #expect(ByteSize.text(-2_099) == "-2.05 kB")
        #expect(ByteSize.text(.min) == "-8192.00 PB")
    }
}
