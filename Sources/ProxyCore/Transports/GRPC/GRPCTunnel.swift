// SPDX-License-Identifier: Apache-2.0
import GRPCWire
import NIOCore

/// One stream of an HTTP/2 connection, as the carrier of its channel: payload above, messages below. Confined to its event loop.
///
/// A client ends its direction alone by END_STREAM. A server's end is the trailers: gRPC's own clients take them for the end of
/// both, ours goes on sending.
final class GRPCTunnel: VirtualChannelCarrier {
    private struct Piece {
        var payload: ByteBuffer
        let length: Int
        var prefixSent = 0
    }

    let stream: HTTP2Session.StreamID
    private let tunnels: GRPCTunnels
    /// Set until the channel closes.
    private(set) var channel: VirtualChannel?
    private var decoder = HunkDecoder()
    private var queue = CircularBuffer<Piece>(initialCapacity: 0)
    private var queuedPayload = 0
    /// Payload that is on its way, which the channel does not know yet.
    private var framed = 0
    /// Received, and not taken by the channel's handlers.
    private var held = 0
    private var hasBegun: Bool
    private var isFinished = false
    private(set) var peerHasEnded = false
    private var isGone = false
    /// Has a place in a list of ``GRPCTunnels``.
    var isTouched = false
    var isAdvanced = false

    init(_ stream: HTTP2Session.StreamID, of tunnels: GRPCTunnels, parent: any Channel) throws {
        self.stream = stream
        self.tunnels = tunnels
        hasBegun = !tunnels.isServer
        let channel = VirtualChannel(carrier: self, parent: parent)
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        self.channel = channel
    }

    // MARK: The peer's bytes

    /// - Throws: ``HunkFault``; what was received before it has been delivered.
    func receive(_ data: ByteBuffer) throws(HunkFault) {
        var data = data
        var unclaimed = data.readableBytes
        defer { tunnels.credit(stream, unclaimed) }
        while channel != nil, let payload = try decoder.next(&data) {
            unclaimed -= payload.readableBytes
            held += payload.readableBytes
            tunnels.hold(payload.readableBytes)
            channel?.receive(payload)
        }
    }

    func receiveComplete() { channel?.receiveComplete() }

    /// The peer sends no more.
    func endInput() {
        guard !peerHasEnded else { return }
        guard decoder.isBetweenMessages else { return end(TransportFailure("gRPC stream broken", "a message is cut")) }
        peerHasEnded = true
        channel?.receiveEnd()
    }

    /// The stream is over on the wire. What was received is still delivered when the peer had said all that it wanted.
    func streamClosed(_ error: (any Error)?) {
        isGone = true
        guard peerHasEnded || error == nil else { return end(error) }
        let unsent = queuedPayload + framed
        dropQueue()
        framed = 0
        channel?.sent(unsent)
        peerHasEnded = true
        channel?.receiveEnd()
    }

    func end(_ error: (any Error)?) { channel?.end(error) }

    // MARK: The channel's bytes

    func send(_ buffer: ByteBuffer, from channel: VirtualChannel) {
        guard !isGone else { return channel.sent(buffer.readableBytes) }
        begin()
        var rest = buffer
        var offered = 0
        while rest.readableBytes > 0, let payload = rest.readSlice(length: min(rest.readableBytes, Hunk.payloadLimit)) {
            let length = payload.readableBytes
            queue.append(Piece(payload: payload, length: length))
            offered += Hunk.prefixLength(length) + length
        }
        queuedPayload += buffer.readableBytes
        tunnels.session.offer(stream, offered)
    }

    func flush(_ channel: VirtualChannel) { tunnels.outputAdded() }

    func outputEnded(_ channel: VirtualChannel) {
        guard !isGone else { return }
        finish()
        tunnels.outputAdded()
    }

    private func finish() {
        guard !isFinished else { return }
        begin()
        isFinished = true
        tunnels.session.finish(stream, trailers: tunnels.isServer ? Self.trailers : HeaderBlock())
    }

    private func begin() {
        guard !hasBegun else { return }
        hasBegun = true
        tunnels.session.respond(stream, Self.response, endStream: false, keepsBody: true)
    }

    func consumed(_ bytes: Int, by channel: VirtualChannel) {
        held -= bytes
        tunnels.consumed(stream, bytes)
    }

    func closed(_ channel: VirtualChannel, outputEnded: Bool) {
        self.channel = nil
        tunnels.forget(held)
        held = 0
        let isClean = outputEnded && queue.isEmpty
        dropQueue()
        guard !isGone else { return }
        if isClean {
            finish()
            tunnels.session.release(stream)
        } else {
            tunnels.session.reset(stream, code: HTTP2Session.ErrorCode.cancel)
        }
        tunnels.outputAdded()
    }

    /// Answers a request that cannot be served on with a status, or breaks the stream off when an answer has begun.
    func refuse(_ status: GRPCStatus) {
        guard !isGone, !hasBegun else { return end(status) }
        hasBegun = true
        isGone = true
        tunnels.refuse(stream, status)
        end(status)
    }

    private func dropQueue() {
        queue.removeAll()
        queuedPayload = 0
    }

    /// Appends the next `count` octets of the messages to what is sent.
    func takeBody(_ count: Int, into output: inout HTTP2Output) {
        var left = count
        while left > 0, var piece = queue.popFirst() {
            let prefix = Hunk.prefixLength(piece.length)
            while left > 0, piece.prefixSent < prefix {
                output.append(Hunk.prefix(piece.length, at: piece.prefixSent))
                piece.prefixSent += 1
                left -= 1
            }
            if left > 0, let part = piece.payload.readSlice(length: min(left, piece.payload.readableBytes)) {
                output.append(part)
                left -= part.readableBytes
                framed += part.readableBytes
                queuedPayload -= part.readableBytes
            }
            if piece.payload.readableBytes > 0 { queue.prepend(piece) }
        }
        assert(left == 0, "the session asks for no more than it was offered")
    }

    /// Tells the channel what has left since the last time.
    func reportSent() {
        let count = framed
        framed = 0
        channel?.sent(count)
    }

    private static let response = {
        var block = HeaderBlock()
        block.append(":status", "200")
        block.append("content-type", "application/grpc")
        return block
    }()

    private static let trailers = {
        var block = HeaderBlock()
        block.append(GRPCStatus(.ok, ""))
        return block
    }()
}
