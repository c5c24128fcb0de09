// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Telemetry
import Testing

struct EventBusTests {
    private let bus = EventBus()

    @Test func readersSeeEventsFromThenOnInOrder() async {
        bus.publish(.rulesChanged)
        let stream = bus.subscribe(buffer: 8)
        bus.publish(.loggerRestarted)
        bus.publish(.inboundAdded(tag: "a"))
        var reader = stream.makeAsyncIterator()
        #expect(await reader.next() == .event(CoreEvent(sequence: 2, kind: .loggerRestarted)))
        #expect(await reader.next() == .event(CoreEvent(sequence: 3, kind: .inboundAdded(tag: "a"))))
    }

    @Test func aSlowReaderIsToldHowMuchItMissed() async {
        var reader = bus.subscribe(buffer: 3).makeAsyncIterator()
        for _ in 0..<10 { bus.publish(.rulesChanged) }
        #expect(await reader.next() == .dropped(7))
        for sequence: UInt64 in 8...10 {
            #expect(await reader.next() == .event(CoreEvent(sequence: sequence, kind: .rulesChanged)))
        }
        bus.publish(.rulesChanged)
        #expect(await reader.next() == .event(CoreEvent(sequence: 11, kind: .rulesChanged)))
    }

    @Test func aWaitingReaderIsWoken() async {
        let stream = bus.subscribe(buffer: 1)
        async let first = { () -> EventDelivery? in
            var reader = stream.makeAsyncIterator()
            return await reader.next()
        }()
        await Task.yield()
        bus.publish(.rulesChanged)
        #expect(await first == .event(CoreEvent(sequence: 1, kind: .rulesChanged)))
    }

    @Test func closingEndsStreamsAfterWhatTheyHold() async {
        let stream = bus.subscribe(buffer: 4)
        bus.publish(.rulesChanged)
        bus.close()
        bus.publish(.rulesChanged)
        var seen: [EventDelivery] = []
        for await delivery in stream { seen.append(delivery) }
        #expect(seen == [.event(CoreEvent(sequence: 1, kind: .rulesChanged))])
        #expect(!bus.hasSubscribers)
        for await _ in bus.subscribe(buffer: 1) { Issue.record("a closed bus delivers nothing") }
    }

    @Test func aReleasedStreamLeavesTheBus() {
        do {
            let stream = bus.subscribe(buffer: 4)
            #expect(bus.hasSubscribers)
            withExtendedLifetime(stream) {}
        }
        #expect(!bus.hasSubscribers)
    }

    @Test func aCancelledReaderLeavesTheBus() async {
        let stream = bus.subscribe(buffer: 4)
        let task = Task { for await _ in stream {} }
        task.cancel()
        await task.value
        #expect(!bus.hasSubscribers)
    }

    @Test func everyReaderAccountsForEveryEvent() async {
        let bus = bus
        let streams = (0..<4).map { _ in bus.subscribe(buffer: 16) }
        await withTaskGroup(of: Int.self) { group in
            for stream in streams {
                group.addTask {
                    var last: UInt64 = 0
                    var count = 0
                    for await delivery in stream {
                        switch delivery {
                        case .event(let event):
                            #expect(event.sequence > last)
                            last = event.sequence
                            count += 1
                        case .dropped(let dropped): count += dropped
                        }
                    }
                    return count
                }
            }
            await withTaskGroup(of: Void.self) { publishers in
                for _ in 0..<4 {
                    publishers.addTask { for _ in 0..<1000 { bus.publish(.rulesChanged) } }
                }
            }
            bus.close()
            for await count in group { #expect(count == 4000) }
        }
    }
}
