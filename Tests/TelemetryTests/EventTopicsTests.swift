// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Synchronization
import Telemetry
import Testing

struct EventTopicsTests {
    private let bus = EventBus()

    @Test func observersGetTheirTopicsOnlyAndInOrder() {
        let seen = Seen()
        let id = bus.observe([.users, .routing]) { seen.note($0) }
        bus.publish(.rulesChanged)
        bus.publish(.loggerRestarted)
        bus.publish(.userAdded(inbound: "in", email: "a"))
        bus.removeObserver(id)
        bus.publish(.rulesChanged)
        #expect(seen.all.map(\.sequence) == [1, 3])
    }

    @Test func aTopicIsWantedWhileSomebodyObservesIt() {
        #expect(!bus.wants(.all))
        let id = bus.observe(.users) { _ in }
        #expect(bus.wants(.users) && !bus.wants(.flows))
        let stream = bus.subscribe(buffer: 1)
        #expect(bus.wants(.flows))
        withExtendedLifetime(stream) {}
        bus.removeObserver(id)
        bus.close()
        #expect(!bus.wants(.all))
    }

    @Test func eachKindHasATopic() {
        #expect(CoreEvent.Kind.userAdded(inbound: "", email: "").topic == .users)
        #expect(CoreEvent.Kind.logLine(level: .info, text: "").topic == .log)
    }

    private final class Seen: Sendable {
        private let list = Mutex<[CoreEvent]>([])
        var all: [CoreEvent] { list.withLock { $0 } }
        func note(_ event: CoreEvent) { list.withLock { $0.append(event) } }
    }
}
