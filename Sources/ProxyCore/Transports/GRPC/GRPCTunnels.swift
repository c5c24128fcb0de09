// SPDX-License-Identifier: Apache-2.0
import GRPCWire
import NIOCore

/// The tunnels of one HTTP/2 connection: the part of a server and of a client that is the same. Confined to its event loop.
///
/// A tunnel's window is opened as its reader takes the bytes, the connection's at once: a slow reader holds back nobody else. Only
/// when `heldLimit` bytes of all tunnels together wait for their readers, the connection as a whole waits.
final class GRPCTunnels {
    private static let heldLimit = 64 * 1024 * 1024

    let session: HTTP2Session
    let isServer: Bool
    /// Nil when the connection has ended.
    var handler: HTTP2ConnectionHandler?
    private(set) var count = 0
    /// By slot.
    private var members: [GRPCTunnel?] = []
    private var touched: [GRPCTunnel] = []
    private var advanced: [GRPCTunnel] = []
    private var held = 0
    private var owed = 0

    init(_ session: HTTP2Session, isServer: Bool) {
        self.session = session
        self.isServer = isServer
    }

    func add(_ stream: HTTP2Session.StreamID, parent: any Channel) throws -> GRPCTunnel {
        let tunnel = try GRPCTunnel(stream, of: self, parent: parent)
        let slot = Int(stream.slot)
        while members.count <= slot { members.append(nil) }
        members[slot] = tunnel
        count += 1
        return tunnel
    }

    func find(_ stream: HTTP2Session.StreamID) -> GRPCTunnel? {
        guard stream.slot < members.count, let tunnel = members[Int(stream.slot)], tunnel.stream == stream else {
            return nil
        }
        return tunnel
    }

    // MARK: What the connection tells

    func received(_ stream: HTTP2Session.StreamID, _ data: ByteBuffer) {
        guard let tunnel = find(stream) else {
            credit(stream, data.readableBytes)
            return
        }
        if !tunnel.isTouched {
            tunnel.isTouched = true
            touched.append(tunnel)
        }
        do throws(HunkFault) {
            try tunnel.receive(data)
        } catch {
            tunnel.refuse(Self.status(error))
        }
    }

    func readCompleted() {
        guard !touched.isEmpty else { return }
        let tunnels = touched
        touched.removeAll(keepingCapacity: true)
        for tunnel in tunnels {
            tunnel.isTouched = false
            tunnel.receiveComplete()
        }
    }

    func takeBody(_ stream: HTTP2Session.StreamID, _ count: Int, into output: inout HTTP2Output) {
        guard let tunnel = find(stream) else { preconditionFailure("takeBody: the stream has no tunnel") }
        tunnel.takeBody(count, into: &output)
        if !tunnel.isAdvanced {
            tunnel.isAdvanced = true
            advanced.append(tunnel)
        }
    }

    func outputAdvanced() {
        guard !advanced.isEmpty else { return }
        let tunnels = advanced
        advanced.removeAll(keepingCapacity: true)
        for tunnel in tunnels {
            tunnel.isAdvanced = false
            tunnel.reportSent()
        }
    }

    func closed(_ stream: HTTP2Session.StreamID, code: UInt32) {
        guard let tunnel = find(stream) else { return }
        members[Int(stream.slot)] = nil
        count -= 1
        let error = TransportFailure("gRPC stream reset", "HTTP/2 error code \(code)")
        tunnel.streamClosed(code == HTTP2Session.ErrorCode.noError ? nil : error)
    }

    func connectionEnded(_ reason: GRPCStatus) {
        handler = nil
        let ended = members
        members = []
        count = 0
        for case let tunnel? in ended { tunnel.streamClosed(TransportFailure("connection ended", reason.message)) }
    }

    // MARK: What tunnels tell

    func outputAdded() { handler?.outputAdded() }

    /// Octets of a stream that nobody waits for.
    func credit(_ stream: HTTP2Session.StreamID, _ count: Int) {
        guard count > 0 else { return }
        session.creditStream(stream, count)
        session.creditConnection(count)
    }

    func hold(_ bytes: Int) {
        held += bytes
        if held <= Self.heldLimit { session.creditConnection(bytes) } else { owed += bytes }
    }

    func consumed(_ stream: HTTP2Session.StreamID, _ bytes: Int) {
        session.creditStream(stream, bytes)
        forget(bytes)
        if session.wantsOutput { outputAdded() }
    }

    /// Held bytes are held no more.
    func forget(_ bytes: Int) {
        held -= bytes
        guard owed > 0, held <= Self.heldLimit / 2 else { return }
        session.creditConnection(owed)
        owed = 0
        outputAdded()
    }

    /// Answers a request by a status alone.
    func refuse(_ stream: HTTP2Session.StreamID, _ status: GRPCStatus, httpStatus: String = "200") {
        if isServer {
            var block = HeaderBlock()
            block.append(":status", httpStatus)
            block.append("content-type", "application/grpc")
            block.append(status)
            session.respond(stream, block, endStream: true)
        } else {
            session.reset(stream, code: HTTP2Session.ErrorCode.cancel)
        }
        outputAdded()
    }

    /// In the words of grpc-go.
    private static func status(_ fault: HunkFault) -> GRPCStatus {
        switch fault {
        case .compressed:
            GRPCStatus(.internal, "grpc: compressed flag set with identity or empty encoding")
        case .badFlag(let flag):
            GRPCStatus(.internal, "grpc: received unexpected payload format \(flag)")
        case .tooLong(let count):
            GRPCStatus(
                .resourceExhausted, "grpc: received message larger than max (\(count) vs. \(Hunk.messageLimit))")
        case .malformed:
            GRPCStatus(.internal, "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data")
        }
    }
}
