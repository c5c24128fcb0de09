// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOSSL

/// Stands below a TLS handler: hands it one record at a time, so that what follows a chosen record can pass it by, either way,
/// from that byte on (XTLS direct copy). Confined to its channel's event loop.
final class RecordGate: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let headLength = 5
    /// RFC 8446, section 5.2.
    private static let longestRecord = 16_384 + 256

    /// Where bytes go that pass TLS by: the context of the layer above for writes, closures for reads.
    struct Bypass {
        var read: (ByteBuffer) -> Void
        var readComplete: () -> Void
        var inputEnded: () -> Void
    }

    /// For writes that pass TLS by.
    private(set) var context: ChannelHandlerContext?
    private var held: ByteBuffer?
    private var splits = true
    private var bypass: Bypass?
    /// A ``CarrierHandler`` has the gate: what is above that one has nothing to do with the TLS here.
    private var isTaken = false

    /// The gate of the channel that `context` belongs to; nil as well when it is taken.
    static func find(in context: ChannelHandlerContext) -> RecordGate? {
        let gate = try? context.pipeline.syncOperations.handler(type: RecordGate.self)
        return gate?.isTaken ?? true ? nil : gate
    }

    /// Keeps the gate from being found.
    func take() { isTaken = true }

    /// The TLS above has shaken hands, in the only version whose records may pass it by.
    var isBelowTLS13: Bool {
        guard let version = try? context?.pipeline.syncOperations.nioSSL_tlsVersion() else { return false }
        return version == .tlsv13
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        bypass = nil
        held = nil
    }

    /// No record will have to be told from the next: reads go up as they come.
    func stopSplitting() {
        splits = false
    }

    /// From here on nothing that is received goes through TLS; also what was taken from the socket already.
    func passInput(_ bypass: Bypass) { self.bypass = bypass }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let bypass { return bypass.read(unwrapInboundIn(data)) }
        guard splits || held != nil else { return context.fireChannelRead(data) }
        var part = unwrapInboundIn(data)
        if held == nil { held = part } else { held?.writeBuffer(&part) }
        release(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if let bypass { bypass.readComplete() } else { context.fireChannelReadComplete() }
    }

    private func release(_ context: ChannelHandlerContext) {
        while bypass == nil, splits, let record = nextRecord() {
            context.fireChannelRead(wrapInboundOut(record))
            // The TLS handler hands on what it has opened when a read is complete.
            context.fireChannelReadComplete()
        }
        guard let rest = held, bypass != nil || !splits else { return }
        held = nil
        guard rest.readableBytes > 0 else { return }
        if let bypass { bypass.read(rest) } else { context.fireChannelRead(wrapInboundOut(rest)) }
    }

    private func nextRecord() -> ByteBuffer? {
        guard var bytes = held else { return nil }
        guard Self.mayBeginRecord(bytes) else {
            // No TLS, which is for the handler above to judge, and at once: a record of that length may never be complete.
            splits = false
            return nil
        }
        guard let length = bytes.getInteger(at: bytes.readerIndex + 3, as: UInt16.self),
            let record = bytes.readSlice(length: Self.headLength + Int(length))
        else { return nil }
        held = bytes
        return record
    }

    /// Judges as many bytes of a record's head as there are: type, version, length.
    private static func mayBeginRecord(_ bytes: ByteBuffer) -> Bool {
        let start = bytes.readerIndex
        if let type = bytes.getInteger(at: start, as: UInt8.self), !(20...24).contains(type) { return false }
        if let major = bytes.getInteger(at: start + 1, as: UInt8.self), major != 3 { return false }
        if let length = bytes.getInteger(at: start + 3, as: UInt16.self), length > longestRecord { return false }
        return true
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            if let bypass { return bypass.inputEnded() }
            if let rest = held, rest.readableBytes > 0 {
                // A record that was cut off: TLS shall say so.
                held = nil
                context.fireChannelRead(wrapInboundOut(rest))
            }
        }
        context.fireUserInboundEventTriggered(event)
    }
}
