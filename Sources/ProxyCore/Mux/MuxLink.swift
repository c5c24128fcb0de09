// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// The sessions inside of one mux connection: the part of a server and of a client that is the same. Confined to its event loop.
///
/// Mux.Cool has no windows. A session whose reader is slow therefore holds back all others of its connection once
/// `queueLimit` bytes wait for it, as in the original, and memory stays bounded; nothing else is dropped but datagrams.
final class MuxLink {
    /// Sessions that are open at a time; a client that opens more has them ended.
    private static let sessionLimit = 1024
    /// Frames that wait for the connection to open, beyond which datagrams are dropped.
    private static let waitingLimit = 64
    /// Ends that wait for a far end that takes nothing; no session of an honest one is left behind so many.
    private static let unreadEndLimit = 4096

    private enum Member {
        case stream(MuxStream)
        case packets(MuxPackets)
    }

    let loop: LoopContext
    private let end: StreamEnd
    private let queueLimit: Int
    /// Nil until the connection below is open; frames wait then.
    private var pipe: MuxPipe?
    private var waiting: [MuxFrame] = []
    private var members: [UInt16: Member] = [:]
    private var blocked: [MuxStream] = []
    private var stalledBy: MuxStream?
    /// Ends that were written while the connection was full.
    private var unreadEnds = 0
    /// Ends that are written meanwhile leave together.
    private var isReading = false
    private var endsWait = false
    private(set) var isClosed = false
    /// Opens what the far end asks for; nil on the client's side, where nothing may be asked for.
    var onNew: ((MuxFrame) -> Void)?
    /// Called when the number of sessions has changed.
    var onChange: (() -> Void)?

    init(end: StreamEnd, loop: LoopContext, queueLimit: Int) {
        self.end = end
        self.loop = loop
        self.queueLimit = queueLimit
    }

    var count: Int { members.count }

    /// Sends what waits, and reads from now on.
    func open(_ pipe: MuxPipe) {
        self.pipe = pipe
        for frame in waiting { pipe.write(frame) }
        waiting = []
        pipe.flush()
        writabilityChanged()
    }

    /// Ends all sessions; what they have received is still delivered.
    func close(_ error: (any Error)? = nil) {
        guard !isClosed else { return }
        isClosed = true
        onNew = nil
        onChange = nil
        blocked = []
        stalledBy = nil
        waiting = []
        let members = members
        self.members = [:]
        for member in members.values {
            switch member {
            case .stream(let stream): error == nil ? stream.channel?.receiveEnd() : stream.channel?.end(error)
            case .packets(let packets): packets.ended()
            }
        }
    }

    // MARK: Sessions

    /// A channel for a session; activate it when its handlers are in place. Nil when there are too many, or when the id is taken.
    func addStream(_ id: UInt16, on parent: any Channel, isServer: Bool) -> VirtualChannel? {
        guard isFree(id) else { return nil }
        let stream = MuxStream(id: id, link: self, isServer: isServer)
        let channel = VirtualChannel(carrier: stream, parent: parent)
        stream.channel = channel
        members[id] = .stream(stream)
        onChange?()
        return channel
    }

    func addPackets(_ id: UInt16, target: Destination) -> MuxPackets? {
        guard isFree(id) else { return nil }
        let packets = MuxPackets(id: id, target: target, link: self)
        members[id] = .packets(packets)
        onChange?()
        return packets
    }

    private func isFree(_ id: UInt16) -> Bool {
        !isClosed && members[id] == nil && members.count < Self.sessionLimit
    }

    /// Forgets a session and tells the far end, unless either is done.
    func remove(_ id: UInt16, isError: Bool = false) {
        guard members.removeValue(forKey: id) != nil else { return }
        if let stalledBy, stalledBy.id == id { resume() }
        blocked.removeAll { $0.id == id }
        sendEnd(id, isError: isError)
        onChange?()
    }

    func sendEnd(_ id: UInt16, isError: Bool = false) {
        if pipe?.isWritable == false { unreadEnds += 1 }
        var frame = MuxFrame(id: id, status: .end)
        frame.isError = isError
        write(frame)
        if isReading { endsWait = true } else { flush() }
    }

    // MARK: Writing

    func write(_ frame: MuxFrame) {
        if let pipe { pipe.write(frame) } else if !isClosed { waiting.append(frame) }
    }

    func flush() { pipe?.flush() }

    var isWritable: Bool { pipe?.isWritable ?? false }

    /// Some wait for the connection to open; while it is full they are lost.
    var takesDatagrams: Bool { pipe?.isWritable ?? (waiting.count < Self.waitingLimit) }

    func waitUntilWritable(_ stream: MuxStream) { blocked.append(stream) }

    func writabilityChanged() {
        guard isWritable else { return }
        unreadEnds = 0
        guard !blocked.isEmpty else { return }
        let ready = blocked
        blocked = []
        for stream in ready { stream.released() }
    }

    // MARK: Reading

    /// Deals the frames out to their sessions.
    func received(_ buffer: inout ByteBuffer) throws {
        guard stalledBy == nil, let pipe else { return }
        var touched: [UInt16: MuxStream] = [:]
        isReading = true
        defer { isReading = false }
        try pipe.read(&buffer) { frame in
            if let stream = take(frame) { touched[stream.id] = stream }
            return stalledBy == nil && !isClosed && unreadEnds <= Self.unreadEndLimit
        }
        isReading = false
        if endsWait {
            endsWait = false
            flush()
        }
        guard unreadEnds <= Self.unreadEndLimit else {
            throw ProtocolError(.refused, "the far end takes no answers")
        }
        for stream in touched.values { stream.channel?.receiveComplete() }
    }

    /// The stream that got data, if one did.
    private func take(_ frame: MuxFrame) -> MuxStream? {
        switch frame.status {
        case .keepAlive:
            return nil
        case .new:
            guard let onNew else { return nil }
            let isTaken = members[frame.id] != nil
            onNew(frame)
            guard !isTaken else { return nil }
            if case .stream(let stream)? = members[frame.id] { return deliver(frame.data, to: stream) }
            return nil
        case .keep:
            switch members[frame.id] {
            case .stream(let stream)?:
                return deliver(frame.data, to: stream)
            case .packets(let packets)?:
                if let data = frame.data, data.readableBytes > 0 {
                    packets.receive(Packet(payload: data, peer: frame.peer ?? packets.target))
                }
                return nil
            case nil:
                sendEnd(frame.id)
                return nil
            }
        case .end:
            guard let member = members[frame.id] else { return nil }
            switch member {
            case .stream(let stream):
                let data = deliver(frame.data, to: stream)
                stream.endedByPeer()
                return data
            case .packets(let packets):
                remove(frame.id)
                packets.ended()
                return nil
            }
        }
    }

    private func deliver(_ data: ByteBuffer?, to stream: MuxStream) -> MuxStream? {
        guard let data, let channel = stream.channel else { return nil }
        channel.receive(data)
        if channel.queuedBytes > queueLimit, stalledBy == nil {
            stalledBy = stream
            end.pauseReading()
        }
        return stream
    }

    /// A stream's reader has taken some of what waited for it.
    func consumed(by stream: MuxStream) {
        guard let stalledBy, stalledBy === stream, stream.channel?.queuedBytes ?? 0 <= queueLimit / 2 else { return }
        resume()
    }

    private func resume() {
        stalledBy = nil
        // Later: the stream is in the middle of its delivery.
        loop.eventLoop.assumeIsolated().execute { [end] in
            end.resumeReading()
            end.offerPending()
        }
    }
}
