// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Testing

@testable import ProxyProtocols

struct SourceHintsTests {
    private let hints = SourceHints()

    private func source(_ host: UInt32, port: UInt16 = 0) -> Endpoint {
        Endpoint(ip: .v4(0xc000_0200 + host), port: port)
    }

    @Test func allWhoShareAnAddressAreRememberedTheLastFirst() {
        for position in [3, 1, 4, 1, 5] { hints.remember(position, for: source(1)) }
        #expect(hints.positions(source(1)) == [5, 1, 4, 3])
        #expect(hints.positions(source(2)).isEmpty)
    }

    @Test func aDatagramsSourceHasOneOfItsOwn() {
        hints.remember(1, for: source(1, port: 1000))
        hints.remember(2, for: source(1, port: 2000))
        #expect(hints.positions(source(1, port: 1000)) == [1, 2])
        #expect(hints.positions(source(1, port: 3000)) == [2, 1], "an unknown port of a known address")
        #expect(hints.positions(source(1)) == [2, 1])
    }

    @Test func ofMoreThanEightTheOldestAreForgotten() {
        for position in 0..<20 { hints.remember(position, for: source(1, port: 1)) }
        #expect(hints.positions(source(1)) == [19, 18, 17, 16, 15, 14, 13, 12])
    }

    @Test func whoComesAgainStaysWhileOthersAreForgotten() {
        for round in 0..<5 {
            hints.remember(7, for: source(0))
            for host in 1..<30_000 as Range<UInt32> { hints.remember(1, for: source(UInt32(round) * 30_000 + host)) }
        }
        #expect(hints.positions(source(0)) == [7])
        #expect(hints.positions(source(1)).isEmpty)
    }
}
