// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Synchronization
import Telemetry
import Testing

struct CounterWatchesTests {
    private let stats = StatsRegistry()
    private let told = Told()

    private final class Told: Sendable {
        private let list = Mutex<[CounterCrossing]>([])
        var all: [CounterCrossing] { list.withLock { $0 } }
        func note(_ crossing: CounterCrossing) { list.withLock { $0.append(crossing) } }
    }

    @discardableResult
    private func watch(_ pattern: String, _ threshold: Int64) -> UInt64 {
        stats.watch(CounterPattern(pattern), threshold: threshold) { [told] in told.note($0) }
    }

    @Test func theAdditionThatReachesTheThresholdIsTold() {
        watch("a", 100)
        let counter = stats.counter("a")
        counter.add(99)
        #expect(told.all.isEmpty)
        counter.add(1)
        #expect(told.all == [CounterCrossing(counter: "a", value: 100, threshold: 100)])
        counter.add(500)
        #expect(told.all.count == 1)
    }

    @Test func aThresholdThatIsPassedAlreadyIsToldAtOnce() {
        stats.counter("a").add(7)
        watch("a", 7)
        #expect(told.all.map(\.value) == [7])
    }

    @Test func aResetArmsTheWatchAgain() {
        watch("a", 10)
        let counter = stats.counter("a")
        counter.add(10)
        #expect(counter.reset() == 10)
        counter.add(9)
        #expect(told.all.count == 1)
        counter.add(1)
        #expect(told.all.count == 2)
    }

    @Test func upAndDownAreAddedUp() {
        watch("user>>>a>>>traffic>>>*", 100)
        let up = stats.counter("user>>>a>>>traffic>>>uplink")
        let down = stats.counter("user>>>a>>>traffic>>>downlink")
        stats.counter("user>>>b>>>traffic>>>uplink").add(1000)
        for _ in 0..<33 {
            up.add(1)
            down.add(2)
        }
        #expect(told.all.isEmpty)
        up.add(1)
        #expect(told.all == [CounterCrossing(counter: "user>>>a>>>traffic", value: 100, threshold: 100)])
    }

    @Test func aPatternWatchesEachUserAlsoLaterOnes() {
        stats.counter("user>>>early>>>traffic>>>downlink").add(1)
        watch("user>>>*>>>traffic>>>*", 50)
        stats.counter("user>>>late>>>traffic>>>uplink").add(60)
        stats.counter("user>>>early>>>traffic>>>downlink").add(60)
        stats.counter("inbound>>>in>>>traffic>>>uplink").add(60)
        #expect(told.all.map(\.counter) == ["user>>>late>>>traffic", "user>>>early>>>traffic"])
        #expect(told.all.map(\.value) == [60, 61])
    }

    @Test func severalThresholdsOfOneCounterAreToldInTheirOrder() {
        for threshold: Int64 in [30, 10, 20] { watch("a", threshold) }
        let counter = stats.counter("a")
        for _ in 0..<6 { counter.add(5) }
        #expect(told.all.map(\.threshold) == [10, 20, 30])
        #expect(told.all.map(\.value) == [10, 20, 30])
    }

    @Test func aRemovedWatchIsSilent() {
        let id = watch("a", 10)
        watch("a", 20)
        let counter = stats.counter("a")
        stats.removeWatch(id)
        counter.add(15)
        #expect(told.all.isEmpty)
        counter.add(5)
        #expect(told.all.map(\.threshold) == [20])
    }

    @Test(arguments: [
        ("user>>>*", "user>>>a", true), ("*", "", true), ("a*c", "abc", true), ("a*c", "abcd", false),
        ("*link", "user>>>a>>>traffic>>>uplink", true), ("a", "b", false), ("**", "x", true), ("a*", "", false),
    ])
    func patternsMatch(pattern: String, name: String, matches: Bool) {
        #expect(CounterPattern(pattern).matches(name) == matches)
    }

    @Test func eachCrossingIsToldOnceHoweverManyThreadsCount() async {
        // Two counters that are added to by eight threads, and reset by one: as many crossings as epochs that got that far.
        let (stats, told) = (stats, told)
        watch("user>>>a>>>traffic>>>*", 1000)
        let counters = ["uplink", "downlink"].map { stats.counter("user>>>a>>>traffic>>>\($0)") }
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask { for _ in 0..<20_000 { counters[worker % 2].add(1) } }
            }
        }
        #expect(told.all.count == 1)
        #expect(told.all.first.map { $0.value >= 1000 } == true)
        for epoch in 2...20 {
            for counter in counters { _ = counter.reset() }
            await withTaskGroup(of: Void.self) { group in
                for worker in 0..<4 {
                    group.addTask { for _ in 0..<600 { counters[worker % 2].add(1) } }
                }
            }
            #expect(told.all.count == epoch)
        }
    }

    @Test func aCounterThatIsMadeWhileAWatchBeginsIsWatched() async {
        let (stats, told) = (stats, told)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask { stats.counter("user>>>\(number)>>>traffic>>>uplink").add(10) }
                group.addTask {
                    _ = stats.watch(CounterPattern("user>>>\(number)>>>traffic>>>*"), threshold: 10) { told.note($0) }
                }
            }
        }
        #expect(Set(told.all.map(\.counter)).count == 500)
        #expect(told.all.count == 500)
    }

    @Test func aTotalIsReachedWhateverIsResetOnTheWay() {
        stats.watch(CounterPattern("user>>>a>>>traffic>>>*"), threshold: 100, ofTotals: true) { [told] in told.note($0)
        }
        let up = stats.counter("user>>>a>>>traffic>>>uplink")
        let down = stats.counter("user>>>a>>>traffic>>>downlink")
        for _ in 0..<3 {
            up.add(20)
            #expect(up.reset() == 20)
            down.add(13)
        }
        #expect(down.reset() == 39)
        #expect(told.all.isEmpty)
        down.add(1)
        #expect(told.all.map(\.value) == [100])
        // A total never falls, so this was the only time.
        #expect(down.reset() == 1)
        down.add(1000)
        #expect(told.all.count == 1)
    }

    @Test func whatWasResetBeforeTheWatchCounts() {
        let counter = stats.counter("a")
        counter.add(70)
        #expect(counter.reset() == 70)
        counter.add(10)
        stats.watch(CounterPattern("a"), threshold: 100, ofTotals: true) { [told] in told.note($0) }
        counter.add(19)
        #expect(told.all.isEmpty)
        counter.add(1)
        #expect(told.all == [CounterCrossing(counter: "a", value: 100, threshold: 100)])
    }
}
