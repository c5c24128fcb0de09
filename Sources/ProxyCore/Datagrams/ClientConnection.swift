// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// A connection to an outbound's server that carries datagrams, or keeps them alive: dialled, greeted, and then fed by its
/// owner. Confined to its event loop.
final class ClientConnection: StreamEndOwner, Expiring, @unchecked Sendable {  // confined to `loop.eventLoop`
    private enum Phase {
        case dialling
        case greeting
        case open
        case closed
    }

    private let dial: DialPlan
    private let outbound: Outbound
    private let session: Session
    private let services: CoreServices
    private let loop: LoopContext
    /// Counts nothing: the datagrams are counted where they enter and leave.
    private let end: StreamEnd
    private var phase = Phase.dialling
    private var greeting: (any ClientHandshake)?
    private(set) var deadline: NIODeadline?

    /// Called once, with the greeting at its end: its last bytes and those answered here go out in one write.
    var onOpen: ((any Channel, (any ClientHandshake)?) -> ByteBuffer?)?
    /// Everything received and not consumed is in the buffer.
    var onReceive: ((inout ByteBuffer) throws -> Void)?
    /// Called once, unless `close` was called.
    var onFailure: ((any Error) -> Void)?

    init(dial: DialPlan, outbound: Outbound, session: Session, services: CoreServices, loop: LoopContext) {
        self.dial = dial
        self.outbound = outbound
        self.session = session
        self.services = services
        self.loop = loop
        end = StreamEnd(direction: .outbound, loop: loop, readCounter: nil, writeCounter: nil)
        greeting = dial.handshake
    }

    func start(limit: TimeAmount) {
        end.owner = self
        deadline = loop.now + limit
        loop.track(self)
        services.connect(dial, by: outbound, session: session, on: loop, end: end).assumeIsolated().whenComplete {
            [self] result in
            switch result {
            case .success(let channel):
                guard case .dialling = phase else {
                    channel.close(promise: nil)
                    return
                }
                phase = .greeting
                var nothing = ByteBuffer()
                greet(&nothing)
            case .failure(let error):
                fail(error)
            }
        }
    }

    /// False while the server does not take bytes fast enough: what is not urgent is then better dropped than queued.
    var isWritable: Bool {
        guard case .open = phase else { return false }
        return end.channel?.isWritable ?? false
    }

    func send(_ bytes: ByteBuffer) {
        guard case .open = phase else { return }
        end.send(bytes)
    }

    func close() {
        guard leave() else { return }
        end.finish()
    }

    func expire() { fail(DialError(description: "the server did not answer in time")) }

    // MARK: StreamEndOwner

    func received(_ buffer: inout ByteBuffer, on end: StreamEnd) {
        if case .greeting = phase { greet(&buffer) }
        guard case .open = phase else { return }
        do {
            try onReceive?(&buffer)
        } catch {
            buffer.clear()
            fail(error)
        }
    }

    func inputEnded(on end: StreamEnd) { fail(DialError(description: "the server closed the connection")) }
    func closed(_ end: StreamEnd) { fail(DialError(description: "the connection is closed")) }

    private func greet(_ buffer: inout ByteBuffer) {
        var first = ByteBuffer()
        while true {
            switch greeting?.receive(&buffer) ?? .done {
            case .needMore:
                if first.readableBytes > 0 { end.send(first) }
                return
            case .send(var bytes):
                first.writeBuffer(&bytes)
            case .done:
                guard let channel = end.channel else { return fail(DialError(description: "the connection is closed")) }
                phase = .open
                deadline = nil
                loop.untrack(self)
                if var more = onOpen?(channel, greeting) { first.writeBuffer(&more) }
                greeting = nil
                if first.readableBytes > 0 { end.send(first) }
                return
            case .fail(let why):
                return fail(DialError(description: why))
            }
        }
    }

    private func fail(_ error: any Error) {
        let onFailure = onFailure
        guard leave() else { return }
        end.abort()
        onFailure?(error)
    }

    /// False when it was left before.
    private func leave() -> Bool {
        if case .closed = phase { return false }
        phase = .closed
        deadline = nil
        loop.untrack(self)
        onOpen = nil
        onReceive = nil
        onFailure = nil
        greeting = nil
        return true
    }
}
