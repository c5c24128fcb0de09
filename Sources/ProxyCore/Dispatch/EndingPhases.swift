// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Telemetry

/// Swallows bytes of a connection that was refused, before it is cut, so that the moment of the end tells nothing. The
/// handshake's deadline still holds.
final class DrainPhase: StreamPhase {
    private let session: StreamSession
    private var left: Int

    init(_ session: StreamSession, length: Int) {
        self.session = session
        left = length
    }

    func received(_ buffer: inout ByteBuffer) {
        left -= buffer.readableBytes
        buffer.clear()
        if left <= 0 { session.abort() }
    }

    func inputEnded() {
        session.finish()
    }
}

/// Waits for the connection to close; nothing more is read from it.
final class EndedPhase: StreamPhase {
    func received(_ buffer: inout ByteBuffer) {
        buffer.clear()
    }
}

/// Swallows what comes from the client, as an outbound wanted it, until nothing has come for a while.
final class SwallowPhase: StreamPhase {
    private let session: StreamSession
    private let flow: Flow
    private let request: StreamRequest
    private let response: ByteBuffer?
    private let hold: TimeAmount

    /// - Parameter hold: How long silence is waited for; zero = the connection is closed at once.
    init(_ session: StreamSession, flow: Flow, request: StreamRequest, response: ByteBuffer?, hold: TimeAmount) {
        self.session = session
        self.flow = flow
        self.request = request
        self.response = response
        self.hold = hold
    }

    func begin() {
        flow.idleLimit = hold
        if let early = request.early { flow.countUplink(early.readableBytes, now: session.loop.now) }
        if let response { answer(response) }
        session.end.resumeReading()
        guard hold == .zero else { return }
        // Not now: what is there already shall be counted.
        session.loop.eventLoop.assumeIsolated().execute { [session] in session.finish() }
    }

    /// As the protocol sends it, up to the end: nothing follows.
    private func answer(_ response: ByteBuffer) {
        let allocator = ByteBufferAllocator()
        var out = request.responseHeader ?? ByteBuffer()
        out.writeImmutableBuffer(request.codec?.encode(response, allocator: allocator) ?? response)
        if let last = request.codec?.finish(allocator: allocator) { out.writeImmutableBuffer(last) }
        flow.countDownlink(response.readableBytes, now: session.loop.now)
        session.end.send(out)
    }

    func received(_ buffer: inout ByteBuffer) {
        flow.countUplink(buffer.readableBytes, now: session.loop.now)
        buffer.clear()
    }

    func inputEnded() {
        session.finish()
    }
}

/// Leaves the connection to a server of this process.
final class ServePhase: StreamPhase {
    private let session: StreamSession
    private let flow: Flow
    private let server: any InProcessServer
    private let request: StreamRequest

    init(_ session: StreamSession, flow: Flow, server: any InProcessServer, request: StreamRequest) {
        self.session = session
        self.flow = flow
        self.server = server
        self.request = request
    }

    func begin() {
        guard let channel = session.end.channel else { return }
        guard request.codec == nil else {
            let name = session.inbound.proto.name
            session.services.log.write(
                .warning, session: session.logID, "app/dispatcher",
                "\(flow.outboundTag) is a server of this process, which does not read the format of \(name)")
            return session.fail()
        }
        if let header = request.responseHeader { session.end.send(header) }
        // The API's connections are long and quiet; they are not idle flows.
        flow.idleLimit = .hours(24 * 365)
        flow.isServed = true
        server.takeOver(channel).assumeIsolated().whenComplete { [session, flow] result in
            switch result {
            // Not now: what is left of the handshake's bytes is handed back to the end first.
            case .success: session.loop.eventLoop.assumeIsolated().execute { session.end.serve(flow: flow) }
            case .failure: session.abort()
            }
        }
    }
}
