// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ProxyProtocols

/// A window that an expectation may change.
private final class Window {
    private var window = ReplayWindow()

    func admits(_ number: UInt64) -> Bool { window.admits(number) }
    func insert(_ number: UInt64) -> Bool { window.insert(number) }
}

struct ReplayWindowTests {
    @Test func everyNumberComesThroughOnce() {
        let window = Window()
        for number: UInt64 in [0, 1, 5, 3, 2, 4, 64, 63, 65, 2000] {
            #expect(window.insert(number), "\(number)")
            #expect(!window.insert(number), "\(number) again")
        }
    }

    @Test func whatIsBehindTheWindowIsTooOld() {
        let window = Window()
        #expect(window.insert(10_000))
        #expect(!window.admits(10_000 - ReplayWindow.width))
        #expect(window.insert(10_001 - ReplayWindow.width))
        #expect(!window.insert(0))
    }

    @Test func aJumpForgetsWhatWasBefore() {
        let window = Window()
        for number: UInt64 in 0..<300 { #expect(window.insert(number)) }
        #expect(window.insert(1 << 40))
        #expect(window.insert((1 << 40) - 1))
        #expect(!window.insert(299))
        #expect(!window.insert(.max), "there is no number after the last one")
    }

    /// Against a plain set, in random order.
    @Test func agreesWithASet() {
        var generator = SplitMix(state: 11)
        let window = Window()
        var seen: Set<UInt64> = []
        var highest: UInt64 = 0
        for step in 0..<50_000 as Range<UInt64> {
            let number = max(3000, step) - UInt64.random(in: 0..<3000, using: &generator)
            let isNew = !seen.contains(number) && number + ReplayWindow.width > highest
            #expect(window.admits(number) == isNew)
            #expect(window.insert(number) == isNew)
            if isNew {
                seen.insert(number)
                highest = max(highest, number)
            }
        }
    }
}
