// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import ProxyCore
import Testing

/// What a channel's carrier and handlers were told, in order.
private final class Journal {
    var entries: [String] = []
    func callAsFunction(_ entry: String) { entries.append(entry) }
}

private final class CarrierDouble: VirtualChannelCarrier {
    let journal: Journal
    var acceptsAtOnce = true
    var sentText = ""

    init(_ journal: Journal) { self.journal = journal }

    func send(_ buffer: ByteBuffer, from channel: VirtualChannel) {
        sentText += String(buffer: buffer)
        if acceptsAtOnce { channel.sent(buffer.readableBytes) }
    }
    func flush(_ channel: VirtualChannel) { journal("flush") }
    func outputEnded(_ channel: VirtualChannel) { journal("output ended") }
    func consumed(_ bytes: Int, by channel: VirtualChannel) { journal("consumed \(bytes)") }
    func closed(_ channel: VirtualChannel, outputEnded: Bool) { journal(outputEnded ? "closed" : "cut") }
}

private final class RecordingHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    let journal: Journal
    /// Holds back the channel's own reads, as a relay does for back-pressure.
    var holdsReads = false
    var context: ChannelHandlerContext?

    init(_ journal: Journal) { self.journal = journal }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }
    func channelActive(context: ChannelHandlerContext) { journal("active") }
    func channelInactive(context: ChannelHandlerContext) { journal("inactive") }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        journal("read \(String(buffer: unwrapInboundIn(data)))")
    }
    func channelReadComplete(context: ChannelHandlerContext) { journal("read complete") }
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        journal(context.channel.isWritable ? "writable" : "full")
    }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { journal("input closed") }
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { journal("error") }
    func read(context: ChannelHandlerContext) { if !holdsReads { context.read() } }
}

struct VirtualChannelTests {
    private let journal = Journal()
    private let parent = EmbeddedChannel()
    private let carrier: CarrierDouble
    private let handler: RecordingHandler
    private let channel: VirtualChannel

    init() throws {
        carrier = CarrierDouble(journal)
        handler = RecordingHandler(journal)
        channel = VirtualChannel(carrier: carrier, parent: parent)
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
    }

    private func run() { parent.embeddedEventLoop.run() }

    private func receive(_ texts: String...) {
        for text in texts { channel.receive(ByteBuffer(string: text)) }
        channel.receiveComplete()
    }

    @Test func handlersSeeOneReadTurnForABatch() {
        channel.activate()
        receive("a", "b")
        #expect(journal.entries == ["active", "consumed 1", "read a", "consumed 1", "read b", "read complete"])
    }

    @Test func bytesAreKeptAndNotReportedAsConsumedWhileNoReadIsAskedFor() {
        handler.holdsReads = true
        channel.activate()
        receive("a", "bc")
        #expect(journal.entries == ["active"])
        #expect(channel.queuedBytes == 3)
        handler.holdsReads = false
        handler.context?.read()
        #expect(journal.entries == ["active"], "nothing is delivered inside of a handler's own call")
        run()
        #expect(journal.entries.dropFirst() == ["consumed 1", "read a", "consumed 2", "read bc", "read complete"])
        #expect(channel.queuedBytes == 0)
    }

    @Test func readsStopAfterTheTurnInWhichTheHandlerHoldsThem() {
        channel.activate()
        handler.holdsReads = true
        receive("a", "b")
        receive("c")
        #expect(!journal.entries.contains("read c"))
        #expect(channel.queuedBytes == 1)
    }

    @Test func switchingAutoReadOnDeliversWhatIsKept() throws {
        try channel.syncOptions?.setOption(.autoRead, value: false)
        channel.activate()
        receive("a")
        #expect(channel.queuedBytes == 1)
        try channel.syncOptions?.setOption(.autoRead, value: true)
        run()
        #expect(journal.entries.contains("read a"))
    }

    @Test func writabilityFollowsWhatTheCarrierReportsAsSent() throws {
        try channel.syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: 2, high: 4))
        carrier.acceptsAtOnce = false
        channel.activate()
        channel.writeAndFlush(ByteBuffer(string: "abcd"), promise: nil)
        #expect(channel.isWritable)
        channel.writeAndFlush(ByteBuffer(string: "e"), promise: nil)
        #expect(!channel.isWritable)
        channel.sent(3)
        #expect(!channel.isWritable)
        channel.sent(1)
        #expect(channel.isWritable)
        #expect(journal.entries == ["active", "flush", "full", "flush", "writable"])
        #expect(carrier.sentText == "abcde")
    }

    @Test func emptyWriteIsCompleteWhenEverythingBeforeItIsSent() throws {
        carrier.acceptsAtOnce = false
        channel.activate()
        channel.writeAndFlush(ByteBuffer(string: "abcd"), promise: nil)
        let isOut = channel.writeAndFlush(ByteBuffer())
        isOut.assumeIsolated().whenSuccess { [journal] in journal.entries.append("out") }
        channel.sent(3)
        #expect(!journal.entries.contains("out"))
        channel.sent(1)
        #expect(journal.entries.contains("out"))
    }

    @Test func endOfInputLeavesTheOutputOpen() {
        channel.activate()
        receive("a")
        channel.receiveEnd()
        #expect(journal.entries.last == "input closed")
        channel.writeAndFlush(ByteBuffer(string: "later"), promise: nil)
        #expect(carrier.sentText == "later")
        #expect(channel.isActive)
    }

    @Test func endOfInputComesAfterWhatIsKept() {
        handler.holdsReads = true
        channel.activate()
        receive("a")
        channel.receiveEnd()
        #expect(!journal.entries.contains("input closed"))
        handler.holdsReads = false
        handler.context?.read()
        run()
        #expect(journal.entries.suffix(3) == ["read a", "read complete", "input closed"])
    }

    @Test func endOfInputClosesAChannelThatDoesNotAllowHalfClosure() throws {
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false)
        channel.activate()
        channel.receiveEnd()
        #expect(journal.entries == ["active", "cut", "inactive"])
    }

    @Test func closingTheOutputCompletesWhenEverythingIsSent() throws {
        carrier.acceptsAtOnce = false
        channel.activate()
        channel.writeAndFlush(ByteBuffer(string: "abc"), promise: nil)
        let done = channel.eventLoop.makePromise(of: Void.self)
        channel.close(mode: .output, promise: done)
        #expect(journal.entries == ["active", "flush", "output ended"])
        channel.sent(3)
        try done.futureResult.wait()
        #expect(throws: ChannelError.outputClosed) { try channel.writeAndFlush(ByteBuffer(string: "x")).wait() }
    }

    @Test func bothSidesEndedIsClosed() {
        channel.activate()
        channel.receiveEnd()
        channel.close(mode: .output, promise: nil)
        run()
        #expect(journal.entries == ["active", "input closed", "output ended", "closed", "inactive"])
        #expect(!channel.isActive)
    }

    @Test func closingFailsWhatWaits() {
        carrier.acceptsAtOnce = false
        channel.activate()
        channel.writeAndFlush(ByteBuffer(string: "abc"), promise: nil)
        let output = channel.close(mode: .output)
        channel.close(promise: nil)
        #expect(throws: (any Error).self) { try output.wait() }
        #expect(throws: ChannelError.alreadyClosed) { try channel.close().wait() }
        channel.sent(3)
        #expect(journal.entries.suffix(2) == ["closed", "inactive"])
    }

    @Test func carrierEndsTheChannelWithAnError() throws {
        channel.activate()
        channel.end(ChannelError.ioOnClosedChannel)
        run()
        #expect(journal.entries == ["active", "error", "cut", "inactive"])
        try channel.closeFuture.wait()
        receive("late")
        channel.receiveEnd()
        channel.end()
        #expect(journal.entries.last == "inactive")
    }

    @Test func nothingIsRetainedAfterTheClose() throws {
        weak var released: VirtualChannel?
        weak var releasedCarrier: CarrierDouble?
        do {
            let carrier = CarrierDouble(journal)
            let channel = VirtualChannel(carrier: carrier, parent: parent)
            try channel.pipeline.syncOperations.addHandler(RecordingHandler(journal))
            channel.activate()
            released = channel
            releasedCarrier = carrier
            channel.close(promise: nil)
        }
        run()
        #expect(released == nil)
        #expect(releasedCarrier == nil)
    }

    @Test func socketOptionsAreRefused() {
        #expect(throws: ChannelError.operationUnsupported) { try channel.syncOptions?.setOption(.backlog, value: 1) }
        #expect(throws: ChannelError.operationUnsupported) { try channel.syncOptions?.getOption(.backlog) }
    }
}
