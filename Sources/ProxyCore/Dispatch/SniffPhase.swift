// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Sniffing
import Telemetry

/// Looks at the client's first bytes before the stream is routed; consumes nothing of the payload.
final class SniffPhase: StreamPhase, @unchecked Sendable {  // confined to the session's event loop
    private let session: StreamSession
    private var routed: Session
    private var request: StreamRequest
    private let settings: SniffingSettings
    private var sniffer = StreamSniffer()
    private var timer: Scheduled<Void>?
    private var isOver = false

    init(_ session: StreamSession, _ routed: Session, _ request: StreamRequest, _ settings: SniffingSettings) {
        self.session = session
        self.routed = routed
        self.request = request
        self.settings = settings
    }

    func begin() {
        // Bytes that a loopback took along are looked at again.
        session.end.resumeReading()
    }

    func received(_ buffer: inout ByteBuffer) {
        guard !isOver else { return }
        guard !settings.metadataOnly else { return finish(nil) }
        do {
            switch sniffer.look(at: try payload(&buffer)) {
            case .found(let content): finish(content)
            case .notThis: finish(nil)
            case .needsMore: request.codec?.sawEnd ?? false ? finish(nil) : wait()
            }
        } catch {
            session.services.log.write(
                .info, session: session.logID, "proxy/\(session.inbound.proto.name)",
                "invalid bytes from the client > \(error)")
            session.abort()
        }
    }

    func inputEnded() {
        finish(nil)
    }

    func connectionClosed() { stop() }

    /// Everything that the client has sent so far. Without a codec it stays where it is.
    private func payload(_ buffer: inout ByteBuffer) throws -> ByteBuffer {
        guard let codec = request.codec else { return buffer }
        while buffer.readableBytes > 0, var part = try codec.decode(&buffer) {
            if request.early == nil { request.early = part } else { request.early?.writeBuffer(&part) }
        }
        return request.early ?? ByteBuffer()
    }

    private func wait() {
        guard timer == nil else { return }
        timer = session.loop.eventLoop.assumeIsolated().scheduleTask(in: SniffingSettings.timeLimit) { [self] in
            finish(nil)
        }
    }

    private func stop() {
        timer?.cancel()
        isOver = true
    }

    private func finish(_ content: SniffedContent?) {
        guard !isOver else { return }
        stop()
        if let content, let name = routed.take(content, settings) {
            session.services.log.write(.info, session: session.logID, "app/dispatcher", "sniffed domain: \(name)")
        }
        session.enter(RoutePhase(session, routed, request))
    }
}
