// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ProxyProtocols

struct RecentSetTests {
    /// The macro cannot call a mutating method.
    private func expect(_ isNew: Bool, _ expected: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(isNew == expected, sourceLocation: sourceLocation)
    }

    @Test func anElementIsKnownForItsLifetimeAndForgottenAfterTwice() {
        var set = RecentSet<Int>(lifetime: 100)
        expect(set.insert(1, now: 1000), true)
        expect(set.insert(1, now: 1000), false)
        expect(set.insert(2, now: 1099), true)
        expect(set.insert(1, now: 1150), false)
        expect(set.insert(2, now: 1190), false)
        expect(set.insert(1, now: 1260), true)
    }

    @Test func aLongPauseForgetsEverything() {
        var set = RecentSet<Int>(lifetime: 100)
        expect(set.insert(1, now: 1000), true)
        expect(set.insert(1, now: 1300), true)
    }

    @Test func aClockThatGoesBackForgetsNothing() {
        var set = RecentSet<Int>(lifetime: 100)
        expect(set.insert(1, now: 1000), true)
        expect(set.insert(1, now: 0), false)
    }
}
