// SPDX-License-Identifier: Apache-2.0
import Testing

struct FuzzTargetTests {
    /// Always the same numbers, so that a failure comes again.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    @Test func namesAreUnique() {
        #expect(Set(FuzzTarget.all.map(\.name)).count == FuzzTarget.all.count)
    }

    @Test(arguments: FuzzTarget.all.map(\.name))
    func survivesItsSeedsTheirBeginningsAndChanges(name: String) async throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let seeds = target.seeds()
        #expect(!seeds.isEmpty)
        var generator = Generator(state: 1)
        for seed in seeds {
            // This computes for long: others get their turn on the same few threads.
            await Task.yield()
            target.run(seed)
            for length in 0..<min(seed.count, 64) { target.run(Array(seed.prefix(length))) }
            for _ in 0..<64 {
                var changed = seed
                for _ in 0..<Int.random(in: 1...4, using: &generator) where !changed.isEmpty {
                    let place = Int.random(in: 0..<changed.count, using: &generator)
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: changed[place] = UInt8.random(in: .min ... .max, using: &generator)
                    case 1: changed.remove(at: place)
                    default: changed.insert(UInt8.random(in: .min ... .max, using: &generator), at: place)
                    }
                }
                target.run(changed)
            }
        }
    }
}
