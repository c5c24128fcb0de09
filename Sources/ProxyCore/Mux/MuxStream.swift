// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// One stream of a mux connection, as the carrier of its channel. Confined to its event loop.
///
/// Mux.Cool cannot end one direction: an End closes the session. A server tells the end of what it sends at once, as the
/// original does; a client keeps it back until the far end is done too, so that an answer still comes after the last byte up.
final class MuxStream: VirtualChannelCarrier {
    let id: UInt16
    private let link: MuxLink
    private let isServer: Bool
    /// Kept by its pipeline while it is open.
    weak var channel: VirtualChannel?
    /// Bytes that were written although the connection could take no more at the moment.
    private var unsent = 0

    init(id: UInt16, link: MuxLink, isServer: Bool) {
        self.id = id
        self.link = link
        self.isServer = isServer
    }

    func send(_ buffer: ByteBuffer, from channel: VirtualChannel) {
        var rest = buffer
        while let data = rest.readSlice(length: min(rest.readableBytes, MuxFrame.dataLimit)), data.readableBytes > 0 {
            link.write(MuxFrame(id: id, status: .keep, data: data))
        }
        if link.isWritable {
            channel.sent(buffer.readableBytes)
        } else {
            if unsent == 0 { link.waitUntilWritable(self) }
            unsent += buffer.readableBytes
        }
    }

    /// The connection takes bytes again.
    func released() {
        let count = unsent
        unsent = 0
        channel?.sent(count)
    }

    func flush(_ channel: VirtualChannel) { link.flush() }

    func consumed(_ bytes: Int, by channel: VirtualChannel) { link.consumed(by: self) }

    func outputEnded(_ channel: VirtualChannel) {
        guard isServer else { return }
        link.remove(id)
        // Later: the channel is in the middle of closing its output.
        channel.eventLoop.assumeIsolated().execute { channel.end() }
    }

    func closed(_ channel: VirtualChannel, outputEnded: Bool) { link.remove(id, isError: !outputEnded) }

    func endedByPeer() {
        link.remove(id)
        channel?.receiveEnd()
    }
}

/// The datagrams of one session of a mux connection. Confined to its event loop.
final class MuxPackets {
    let id: UInt16
    /// Where datagrams go, or come from, that name no address.
    let target: Destination
    private let link: MuxLink
    private var isEnded = false
    var onReceive: ((Packet) -> Void)?
    /// Called once when the session is over, whoever ended it.
    var onClose: (() -> Void)?

    init(id: UInt16, target: Destination, link: MuxLink) {
        self.id = id
        self.target = target
        self.link = link
    }

    /// A connection that is full loses datagrams, as any full queue does.
    func send(_ packet: Packet, status: MuxFrame.Status = .keep, globalID: UInt64 = 0) {
        guard !isEnded, status == .new || link.takesDatagrams else { return }
        var frame = MuxFrame(id: id, status: status, peer: packet.peer, data: packet.payload)
        frame.globalID = globalID
        link.write(frame)
        link.flush()
    }

    func receive(_ packet: Packet) { onReceive?(packet) }

    /// Ends the session from this side.
    func close() {
        guard !isEnded else { return }
        link.remove(id)
        ended()
    }

    /// The far end has ended the session, or the connection is gone.
    func ended() {
        guard !isEnded else { return }
        isEnded = true
        onReceive = nil
        let onClose = onClose
        self.onClose = nil
        onClose?()
    }
}
