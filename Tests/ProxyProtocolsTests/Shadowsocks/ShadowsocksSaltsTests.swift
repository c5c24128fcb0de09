// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ProxyProtocols

struct ShadowsocksSaltsTests {
    @Test func aSaltIsKnownForAtLeastAsManyOthersAsThereIsRoomFor() {
        let salts = ShadowsocksSalts(capacity: 4)
        func insert(_ number: UInt8) -> Bool { salts.insert([UInt8](repeating: number, count: 16)) }
        #expect((0..<4).allSatisfy { insert($0) })
        #expect((4..<7).allSatisfy { insert($0) })
        #expect((0..<7).allSatisfy { !insert($0) })
        #expect(insert(7))
        #expect((4..<8).allSatisfy { !insert($0) })
        #expect(insert(0), "who was there long before is forgotten")
    }
}
