// SPDX-License-Identifier: Apache-2.0
import Telemetry
import Testing

struct CounterTests {
    @Test func resetReturnsTheOldValueAndStartsAtZero() {
        let counter = Counter(name: "x")
        counter.add(5)
        counter.add(7)
        #expect(counter.value == 12)
        #expect(counter.reset() == 12)
        #expect(counter.value == 0)
    }

    @Test func theTotalKnowsNoReset() {
        let counter = Counter(name: "x")
        counter.add(5)
        _ = counter.reset()
        counter.add(7)
        #expect(counter.value == 7)
        #expect(counter.total == 12)
        let registry = StatsRegistry()
        registry.counter("user>>>a>>>traffic>>>uplink").add(3)
        _ = registry.query(pattern: "user", reset: true)
        #expect(registry.totals(pattern: "user").map(\.value) == [3])
    }

    @Test func noAdditionIsLostBetweenThreadsAndResets() async {
        let counter = Counter(name: "x")
        let collected = await withTaskGroup(of: Int64.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    var taken: Int64 = 0
                    for step in 0..<10_000 {
                        counter.add(1)
                        if worker == 0, step % 100 == 0 { taken += counter.reset() }
                    }
                    return taken
                }
            }
            return await group.reduce(0, +)
        }
        #expect(collected + counter.value == 80_000)
    }
}
