// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// A connection to an outbound's server that is no client's alone: it carries datagrams or mux sessions, or keeps a port for
/// datagrams open. Dialled, greeted, then fed by its owner. Confined to its event loop.
///
/// While it opens and while it closes its time is limited; in between by its owner alone.
final class DialledConnection: StreamEndOwner, Expiring, @unchecked Sendable {  // confined to `loop.eventLoop`
    private enum Phase {
        case dialling
        case greeting
        case open
        case closing
        case closed
    }

    /// How it ended, where its owner has not closed it.
    enum Ending {
        /// It never opened, or what came on it could not be understood.
        case failed(any Error)
        /// It was open, and the server has ended it, or the owner's limit has passed.
        case over(String)

        var error: any Error {
            switch self {
            case .failed(let error): error
            case .over(let why): DialError(description: why)
            }
        }
    }

    /// How long the server may take what is left for it when the connection is closed.
    private static let closeLimit = TimeAmount.seconds(10)

    private let plan: DialPlan
    private let outbound: Outbound
    private let session: Session
    private let services: CoreServices
    private let loop: LoopContext
    private var phase = Phase.dialling
    private var greeting: Greeting?
    private(set) var deadline: NIODeadline? {
        didSet {
            if oldValue == nil, deadline != nil { loop.track(self) }
            if oldValue != nil, deadline == nil { loop.untrack(self) }
        }
    }

    /// What the owner writes to and holds back once the connection is open.
    let end: StreamEnd
    /// Called once. `said` is the end of the greeting and has to be sent in front of everything else, best in one write with it.
    var onOpen: ((_ said: ByteBuffer?) -> Void)?
    /// Everything received and not consumed is in the buffer.
    var onReceive: ((inout ByteBuffer) throws -> Void)?
    /// The server takes bytes again.
    var onWritable: (() -> Void)?
    /// Called once, unless `close` was called.
    var onEnd: ((Ending) -> Void)?

    /// - Parameter isCounted: For the outbound. False where what the connection carries is counted one by one.
    init(
        _ plan: DialPlan, by outbound: Outbound, session: Session, services: CoreServices, loop: LoopContext,
        isCounted: Bool
    ) {
        self.plan = plan
        self.outbound = outbound
        self.session = session
        self.services = services
        self.loop = loop
        end = StreamEnd(
            direction: .outbound, loop: loop, readCounter: isCounted ? outbound.downlink : nil,
            writeCounter: isCounted ? outbound.uplink : nil)
    }

    /// - Parameter limit: How long it may take to open.
    func start(limit: TimeAmount) {
        end.owner = self
        deadline = loop.now + limit
        services.connect(plan, by: outbound, session: session, on: loop, end: end).assumeIsolated().whenComplete {
            [self] result in
            switch result {
            case .success(let channel):
                guard case .dialling = phase else {
                    end.owner = nil
                    channel.close(promise: nil)
                    return
                }
                phase = .greeting
                greeting = Greeting(plan, on: channel)
                var nothing = ByteBuffer()
                greet(&nothing)
            case .failure(let error):
                end.owner = nil
                fail(error)
            }
        }
    }

    var isOpen: Bool {
        if case .open = phase { true } else { false }
    }

    /// How the server was greeted; until `onOpen` has returned.
    var handshake: (any ClientHandshake)? { greeting?.handshake }

    /// False while the server does not take bytes fast enough: what is not urgent is then better dropped than queued.
    var isWritable: Bool { isOpen && end.isWritable }

    func send(_ bytes: ByteBuffer) {
        guard isOpen else { return }
        end.send(bytes)
    }

    /// When an open connection is over; nil = never.
    func limit(to deadline: NIODeadline?) {
        guard isOpen else { return }
        self.deadline = deadline
    }

    /// Ends the connection behind what was sent.
    func close() { finish(nil) }

    func expire() {
        deadline = nil
        switch phase {
        case .dialling, .greeting: fail(DialError(description: "the server did not answer in time"))
        case .open: finish(.over("nothing was sent for too long"))
        case .closing: end.abort()
        case .closed: break
        }
    }

    // MARK: StreamEndOwner

    func received(_ buffer: inout ByteBuffer, on end: StreamEnd) {
        if case .greeting = phase { greet(&buffer) }
        guard isOpen else { return }
        do {
            try onReceive?(&buffer)
        } catch {
            buffer.clear()
            fail(error)
        }
    }

    func writabilityChanged(on end: StreamEnd) { if isOpen { onWritable?() } }
    func inputEnded(on end: StreamEnd) { lost("the server closed the connection") }

    func closed(_ end: StreamEnd) {
        lost("the connection is closed")
        phase = .closed
        deadline = nil
    }

    // MARK: Inside

    private func greet(_ buffer: inout ByteBuffer) {
        switch greeting?.receive(&buffer) {
        case .needMore(let said)?:
            if let said { end.send(said) }
        case .done(let said)?:
            phase = .open
            deadline = nil
            onOpen?(said)
            onOpen = nil
            greeting = nil
        case .failed(let why)?:
            fail(DialError(description: why))
        case nil:
            break
        }
    }

    private func lost(_ why: String) {
        isOpen ? finish(.over(why)) : fail(DialError(description: why))
    }

    private func fail(_ error: any Error) {
        leave(.failed(error), for: .closed)
        phase = .closed
        deadline = nil
        end.abort()
    }

    private func finish(_ ending: Ending?) {
        guard leave(ending, for: .closing) else { return }
        guard end.isOpen else { return phase = .closed }
        deadline = loop.now + Self.closeLimit
        end.finish()
    }

    /// False when it was left before.
    @discardableResult
    private func leave(_ ending: Ending?, for next: Phase) -> Bool {
        switch phase {
        case .closing, .closed: return false
        case .dialling, .greeting, .open: break
        }
        phase = next
        deadline = nil
        let onEnd = onEnd
        onOpen = nil
        onReceive = nil
        onWritable = nil
        self.onEnd = nil
        greeting = nil
        if let ending { onEnd?(ending) }
        return true
    }
}
