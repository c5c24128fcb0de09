// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The calls of one connection to a server: reads requests, runs handlers, sends responses. On the connection's event loop.
final class ServerConnection {
    enum Shutdown {
        case none
        /// GOAWAY with the highest id and a PING are out; streams that cross them are still taken.
        case noticed
        /// GOAWAY with the last stream is out: close when the calls have ended.
        case leaving
    }

    let server: GRPCServer.Shared
    let channel: any Channel
    let eventLoop: any EventLoop
    let peer: GRPCCallContext.Connection
    var handler: HTTP2ConnectionHandler?
    let session: HTTP2Session
    /// By slot.
    var calls: [ServerCall?] = []
    var activeCalls = 0
    var idleCalls: [ServerCall] = []
    var newDeadlines: [ServerCall] = []
    var waitingWriters: [ServerCall] = []
    var bufferedBytes = 0
    var handshakeTimer: Scheduled<Void>?
    var graceTimer: Scheduled<Void>?
    var hasSettings = false
    var hasEnded = false
    var shutdown = Shutdown.none

    static let maxIdleCalls = 256
    static let writeHighWater = 64 * 1024
    static let writeLowWater = 16 * 1024

    private init(server: GRPCServer.Shared, channel: any Channel, session: HTTP2Session) {
        self.server = server
        self.channel = channel
        eventLoop = channel.eventLoop
        peer = GRPCCallContext.Connection(channel: channel)
        self.session = session
    }

    /// Adds the connection's handler to the channel's pipeline. On the channel's event loop.
    static func add(to channel: any Channel, server: GRPCServer.Shared) throws -> ServerConnection {
        let configuration = server.configuration
        var options = HTTP2Session.Options(
            isServer: true, maxHeaderListSize: configuration.maxHeaderListSize,
            streamWindow: configuration.streamWindow, connectionWindow: configuration.connectionWindow)
        options.maxConcurrentStreams = configuration.maxConcurrentStreams
        let session = try HTTP2Session(options: options)
        let connection = ServerConnection(server: server, channel: channel, session: session)
        let handler = HTTP2ConnectionHandler(session: session, calls: connection, reading: .whileWritable)
        connection.handler = handler
        try channel.pipeline.syncOperations.addHandler(handler)
        return connection
    }

    /// Takes no further calls, and closes when those that run have ended or `grace` has passed.
    func shutDown(grace: TimeAmount) {
        guard !hasEnded, case .none = shutdown else { return }
        guard hasSettings, grace > .zero else {
            session.submitGoAway()
            shutdown = .leaving
            failCalls(GRPCStatus(.unavailable, "the server is shutting down"))
            handler?.closeAfterOutput()
            forceClose(after: .milliseconds(100))
            return
        }
        shutdown = .noticed
        session.submitShutdownNotice()
        handler?.outputAdded()
        forceClose(after: grace)
    }

    private func forceClose(after delay: TimeAmount) {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        graceTimer = eventLoop.scheduleTask(in: delay) {
            bound.value.handler?.closeNow(GRPCStatus(.unavailable, "the server is shutting down"))
        }
    }

    func closeWhenDone() {
        if case .leaving = shutdown, activeCalls == 0 { handler?.closeAfterOutput() }
    }

    func call(_ stream: HTTP2Session.StreamID) -> ServerCall? {
        guard stream.slot < calls.count, let call = calls[Int(stream.slot)], call.stream == stream else { return nil }
        return call
    }

    func newCall(_ stream: HTTP2Session.StreamID) -> ServerCall {
        let call: ServerCall
        if let idle = idleCalls.popLast() {
            idle.recycle(for: stream)
            call = idle
        } else {
            call = ServerCall(stream: stream, messageLimit: server.configuration.maxMessageSize)
            call.connection = self
        }
        let slot = Int(stream.slot)
        while calls.count <= slot { calls.append(nil) }
        calls[slot] = call
        activeCalls += 1
        return call
    }
}
