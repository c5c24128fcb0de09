// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// The body format of a protocol, both directions of one connection; used on one event loop.
package protocol StreamCodec: AnyObject {
    /// Turns received bytes into payload: consumes what it can, keeps an incomplete rest in `buffer`.
    /// Nil = nothing yet. Throws when the peer's bytes are not valid; the connection is then ended.
    func decode(_ buffer: inout ByteBuffer) throws -> ByteBuffer?
    /// True once the peer has marked the end of its stream inside the format.
    var sawEnd: Bool { get }
    func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer
    /// Bytes that mark the end of our stream, if the format has any.
    func finish(allocator: ByteBufferAllocator) -> ByteBuffer?
    /// Bytes without payload that go with a request when there is none yet, so that its length does not show.
    func filling(allocator: ByteBufferAllocator) -> ByteBuffer?
}

extension StreamCodec {
    package func filling(allocator: ByteBufferAllocator) -> ByteBuffer? { nil }
}

/// A body format that leaves the outer TLS to the payload from some byte on, each direction for itself (XTLS direct copy).
package protocol DirectCopyCodec: StreamCodec {
    /// What follows the bytes decoded so far does not come through TLS.
    var readsDirect: Bool { get }
    /// Payload after what was encoded so far does not go through TLS.
    var writesDirect: Bool { get }
    /// What follows is payload as it is, and comes through TLS to the end unless `readsDirect` says otherwise.
    var readsPlain: Bool { get }
}

/// One datagram and the far end that it goes to or comes from.
package struct Packet: Sendable {
    package var payload: ByteBuffer
    package var peer: Destination

    package init(payload: ByteBuffer, peer: Destination) {
        self.payload = payload
        self.peer = peer
    }
}

/// Datagrams framed in a byte stream; used on one event loop.
package protocol PacketStreamCodec: AnyObject {
    /// The next datagram; nil = not complete yet. A frame without a target has `defaultTarget` as its peer.
    func decode(_ buffer: inout ByteBuffer, defaultTarget: Destination) throws -> Packet?
    /// A frame for a datagram from `packet.peer`; nil when the format cannot carry it.
    func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer?
}

/// Datagrams with an address in front, each in a UDP datagram of its own; used on one event loop.
package protocol DatagramCodec: AnyObject {
    /// Nil = not valid: the datagram is dropped.
    func decode(_ datagram: ByteBuffer) -> Packet?
    func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer?
}
