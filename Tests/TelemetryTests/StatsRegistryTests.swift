// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Telemetry
import Testing

struct StatsRegistryTests {
    private let registry = StatsRegistry()

    @Test func oneNameIsOneCounter() {
        let counter = registry.counter("inbound>>>a>>>traffic>>>uplink")
        #expect(registry.counter("inbound>>>a>>>traffic>>>uplink") === counter)
        #expect(registry.find("inbound>>>a>>>traffic>>>uplink") === counter)
        #expect(registry.find("inbound>>>a>>>traffic>>>downlink") == nil)
    }

    @Test func namesAreComparedByBytesNotByLetters() {
        let composed = registry.counter("user>>>\u{e9}>>>traffic>>>uplink")
        let decomposed = registry.counter("user>>>e\u{301}>>>traffic>>>uplink")
        #expect(composed !== decomposed)
        #expect(registry.query(pattern: "\u{e9}", reset: false).count == 1)
    }

    /// Every way a pattern can lie in a name: in the stem, in the suffix, across the cut, in names without a cut.
    @Test(arguments: [
        ("", 7), ("user>>>", 4), ("user>>>a@b", 4), ("user>>>a@b>>>", 2), ("a@b", 4), (">>>", 6), ("traffic", 6),
        ("uplink", 3), ("a@b>>>traffic>>>up", 1), (">>>traffic>>>downlink", 3), ("c>>>t", 2), ("plain", 1),
        ("n", 7), ("user>>>a@b>>>traffic>>>uplink", 1), ("user>>>a@b>>>traffic>>>uplink>", 0), ("nothing", 0),
        ("uplinkuser", 0), ("[a-z]*", 0),
    ])
    func queryFindsEveryNameThatContainsThePattern(pattern: String, count: Int) {
        let names = [
            "inbound>>>in>>>traffic>>>uplink", "inbound>>>in>>>traffic>>>downlink", "user>>>a@b>>>traffic>>>uplink",
            "user>>>a@b>>>traffic>>>downlink", "user>>>a@bc>>>traffic>>>uplink", "user>>>a@bc>>>traffic>>>downlink",
            "plain name",
        ]
        for (index, name) in names.enumerated() { registry.counter(name).add(index) }
        let readings = registry.query(pattern: pattern, reset: false)
        var expected: [CounterReading] = []
        for (index, name) in names.enumerated() where name.isSearchHit(pattern) {
            expected.append(CounterReading(name: name, value: Int64(index)))
        }
        #expect(readings == expected)
        #expect(readings.count == count)
    }

    @Test func queryAgreesWithAPlainSearchOverManyOddNames() {
        var generator = SystemRandomNumberGenerator()
        let pieces = ["a", "b", ">>>", ">", "user", "é", "uplink", ">>>x"]
        var names: Set<String> = []
        for _ in 0..<1000 {
            let length = Int.random(in: 1...7, using: &generator)
            let parts = (0..<length).map { _ in pieces.randomElement(using: &generator) ?? "" }
            names.insert(parts.joined())
        }
        for name in names { _ = registry.counter(name) }
        for pattern in Array(names.prefix(80)) + ["a", ">>", ">>>a", "b>", "r>>>", "link>>>x", "\u{0}"] {
            let found = registry.query(pattern: pattern, reset: false).map(\.name)
            #expect(found.count == Set(found).count)
            #expect(Set(found) == names.filter { $0.isSearchHit(pattern) }, "pattern \(pattern)")
        }
    }

    @Test func queryWithResetSetsOnlyTheMatchesToZero() {
        registry.counter("user>>>a>>>traffic>>>uplink").add(3)
        registry.counter("user>>>b>>>traffic>>>uplink").add(4)
        #expect(registry.query(pattern: "user>>>a>>>", reset: true).map(\.value) == [3])
        #expect(registry.query(pattern: "", reset: false).map(\.value) == [0, 4])
    }

    @Test func aNameLongerThanAChunkIsFound() {
        let name = String(repeating: "x", count: 300_000) + "y"
        _ = registry.counter("a>>>b>>>c")
        _ = registry.counter(name)
        #expect(registry.query(pattern: "xy", reset: false).map(\.name) == [name])
        #expect(registry.find(name) != nil)
    }

    @Test func manyCountersMadeAtOnceAreAllFoundOnce() async {
        let registry = registry
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for user in 0..<2000 {
                        // Half of the names are wanted by two workers.
                        let owner = user.isMultiple(of: 2) ? worker : worker / 2
                        registry.counter("user>>>\(owner)-\(user)@x>>>traffic>>>uplink").add(1)
                        registry.counter("user>>>\(owner)-\(user)@x>>>traffic>>>downlink").add(1)
                        if user % 500 == 0 { _ = registry.query(pattern: "@x", reset: false) }
                    }
                }
            }
        }
        let all = registry.query(pattern: "", reset: false)
        #expect(all.count == 24_000)
        #expect(Set(all.map(\.name)).count == all.count)
        #expect(all.map(\.value).reduce(0, +) == 32_000)
        #expect(all.allSatisfy { registry.find($0.name) != nil })
    }

    @Test func onlyMapsWithAnAddressAreListed() {
        let map = registry.onlineMap("user>>>a>>>online")
        #expect(registry.onlineMap("user>>>a>>>online") === map)
        #expect(registry.findOnline("user>>>b>>>online") == nil)
        #expect(registry.onlineMaps().isEmpty)
        map.add(.v4(0x0a00_0001), now: 5)
        #expect(registry.onlineMaps().map(\.name) == ["user>>>a>>>online"])
        #expect(registry.query(pattern: "", reset: false).isEmpty)
    }
}

extension String {
    fileprivate func isSearchHit(_ pattern: String) -> Bool {
        let text = Array(utf8)
        let part = Array(pattern.utf8)
        guard text.count >= part.count else { return false }
        return (0...(text.count - part.count)).contains { text[$0...].starts(with: part) }
    }
}
