// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The stream ends of one event loop whose sockets have a low-water mark (``ReadPace``), looked at every millisecond while there
/// are any: what has come in below the mark when a burst ends is not to wait for more.
///
/// Only streams that are fast at this moment are here, so there are few, whatever the number of flows. Confined to its event
/// loop.
final class ReadPacer: @unchecked Sendable {  // confined to `eventLoop`
    private static let interval = TimeAmount.milliseconds(1)

    private let eventLoop: any EventLoop
    private var ends: [ObjectIdentifier: StreamEnd] = [:]
    private var isTicking = false

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func add(_ end: StreamEnd) {
        ends[ObjectIdentifier(end)] = end
        guard !isTicking else { return }
        isTicking = true
        wait()
    }

    func remove(_ end: StreamEnd) {
        ends[ObjectIdentifier(end)] = nil
    }

    private func wait() {
        eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { [weak self] in self?.tick() }
    }

    private func tick() {
        for end in Array(ends.values) { end.checkPace() }
        isTicking = !ends.isEmpty
        if isTicking { wait() }
    }
}
