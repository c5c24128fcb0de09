// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Synchronization
import Testing

@testable import ProxyCore

struct TrustedForwardersTests {
    private final class Journal: Sendable {
        let minutes = Mutex<Int64>(1)
        let warnings = Mutex(0)
    }

    @Test func aHeaderThatIsNotBelievedIsToldOfOnceAMinute() {
        let journal = Journal()
        let forwarders = TrustedForwarders(
            [], now: { .uptimeNanoseconds(0) + .minutes(journal.minutes.withLock { $0 }) },
            warn: { _ in journal.warnings.withLock { $0 += 1 } })
        let peer = Endpoint(ip: .loopbackV4, port: 1)
        for _ in 0..<3 { #expect(forwarders.source("203.0.113.9", from: peer) { _ in true } == nil) }
        #expect(journal.warnings.withLock { $0 } == 1)
        journal.minutes.withLock { $0 += 1 }
        #expect(forwarders.source("203.0.113.9", from: peer) { _ in true } == nil)
        #expect(journal.warnings.withLock { $0 } == 2)
    }
}
