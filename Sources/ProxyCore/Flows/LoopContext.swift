// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Something that must end when its time has passed and nothing happened.
protocol Expiring: AnyObject {
    /// Nil = no limit at the moment.
    var deadline: NIODeadline? { get }
    /// False: nothing would ever end it, which is a mistake in the core.
    var isBounded: Bool { get }
    func expire()
}

extension Expiring {
    var isBounded: Bool { true }
}

/// What one event loop keeps: its live flows, what waits for a handshake, and a coarse clock.
///
/// Confined to its event loop, so nothing on the data path takes a lock. One repeating task walks over everything four
/// times a second: at 10,000 flows that is some 100 µs each, against a timer per connection that would have to be moved
/// with each chunk.
final class LoopContext: @unchecked Sendable {  // confined to `eventLoop`; every member asserts or is called on it
    static let tick = TimeAmount.milliseconds(250)

    let eventLoop: any EventLoop
    /// The time of the last tick; good enough for idle limits, which are seconds.
    private(set) var now: NIODeadline
    private var flows: [UInt64: Flow] = [:]
    private var expiring: [ObjectIdentifier: any Expiring] = [:]
    private var ticker: RepeatedTask?
    let pacer: ReadPacer
    let datagrams: DatagramIO
    /// Clients' mux connections.
    var muxPools: [MuxPoolKey: MuxPool] = [:]
    /// Clients' gRPC connections.
    var tunnelPools: [GRPCTunnelPool.Key: GRPCTunnelPool] = [:]
    private let madeAt: NIODeadline
    private var lastLogID = UInt32.random(in: .min ... .max)
    var onFlowRemoved: ((Flow) -> Void)?

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.now = eventLoop.now
        self.madeAt = now
        pacer = ReadPacer(eventLoop: eventLoop)
        datagrams = DatagramIO(eventLoop: eventLoop)
    }

    func start() {
        eventLoop.assertInEventLoop()
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { [self] _ in
            sweep(at: eventLoop.now)
        }
    }

    func stop() {
        eventLoop.assertInEventLoop()
        ticker?.cancel()
        ticker = nil
    }

    /// A number that marks the log lines of one session: without repetition on this loop, scattered so that two loops rarely
    /// agree, and without the system call that a random number costs.
    func nextLogID() -> UInt32 {
        lastLogID &+= 0x9E37_79B9
        return lastLogID
    }

    func track(_ item: any Expiring) {
        expiring[ObjectIdentifier(item)] = item
    }

    func untrack(_ item: any Expiring) {
        expiring[ObjectIdentifier(item)] = nil
    }

    func add(_ flow: Flow) {
        eventLoop.assertInEventLoop()
        flows[flow.id] = flow
    }

    /// Takes a flow off the table; false when it has left before.
    @discardableResult
    func remove(_ flow: Flow) -> Bool {
        eventLoop.assertInEventLoop()
        guard flows.removeValue(forKey: flow.id) != nil else { return false }
        onFlowRemoved?(flow)
        return true
    }

    var flowCount: Int { flows.count }

    func flows(matching predicate: (Flow) -> Bool) -> [Flow] {
        flows.values.filter(predicate)
    }

    /// Ends everything that is still there.
    func closeAll() {
        eventLoop.assertInEventLoop()
        for flow in Array(flows.values) { flow.close() }
        for item in Array(expiring.values) { item.expire() }
    }

    /// Does what the timer does, as if this much time had passed since the context was made; only where ``start()`` is not called.
    func pass(_ time: TimeAmount) {
        eventLoop.assertInEventLoop()
        sweep(at: madeAt + time)
    }

    private func sweep(at moment: NIODeadline) {
        now = moment
        var idle: [Flow] = []
        for flow in flows.values where flow.isIdle(at: now) { idle.append(flow) }
        for flow in idle where !flow.waitsForDrain(now: now) { flow.close() }
        guard !expiring.isEmpty else { return }
        assert(expiring.values.allSatisfy(\.isBounded), "a connection has neither a deadline nor a flow")
        var late: [any Expiring] = []
        for item in expiring.values {
            if let deadline = item.deadline, deadline <= now { late.append(item) }
        }
        for item in late {
            untrack(item)
            item.expire()
        }
    }
}
