// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// Reads a protocol's request from the first bytes of a connection: a pure state machine, fed on the event loop.
///
/// `receive` is called with everything that was not consumed yet, whenever bytes arrive. It must give the same answer
/// for every way in which the bytes are cut, and must leave the buffer where it was when it answers `needMore`.
package protocol StreamHandshake {
    mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep
}

package enum HandshakeStep {
    case needMore
    /// Send these bytes, then call `receive` again with what is left.
    case reply(ByteBuffer)
    /// A stream to one target; what is left in the buffer is its first payload.
    case stream(StreamRequest)
    /// Datagrams framed inside this connection; what is left in the buffer are frames.
    case packets(PacketRequest)
    /// Datagrams on a UDP socket of their own, for as long as this connection lives (SOCKS5 UDP ASSOCIATE).
    case associate(AssociateRequest)
    /// The bytes are another protocol's: the connection goes to a server behind this one, with everything in the buffer.
    case fallback(FallbackRequest)
    case reject(HandshakeRejection)
}

package struct FallbackRequest {
    /// Not routed: fallbacks are dialled as they are.
    package var dial: DialPlan
    /// What was wrong with the bytes, for the log.
    package var reason: String

    package init(dial: DialPlan, reason: String) {
        self.dial = dial
        self.reason = reason
    }
}

package struct StreamRequest {
    package var target: Destination
    package var user: ProxyUser?
    /// Sent in front of the first downlink bytes, or alone when the downlink ends without any.
    package var responseHeader: ByteBuffer?
    /// Turns wire bytes into payload and back; nil where the payload is sent as it is.
    package var codec: (any StreamCodec)?
    /// Sent to the client, in place of anything else, when the target cannot be reached; nil = the connection just closes.
    package var unreachableReply: ByteBuffer?
    /// Two bytes of a VLESS id that rules may test; 0 = none.
    package var vlessRoute: UInt16 = 0
    /// A request for mux whose sessions may carry datagrams only.
    package var carriesDatagramsOnly = false
    /// Payload that was taken through the codec before the stream was routed.
    var early: ByteBuffer?

    package init(
        target: Destination, user: ProxyUser? = nil, responseHeader: ByteBuffer? = nil,
        codec: (any StreamCodec)? = nil, vlessRoute: UInt16 = 0
    ) {
        self.target = target
        self.user = user
        self.responseHeader = responseHeader
        self.codec = codec
        self.vlessRoute = vlessRoute
    }
}

package struct PacketRequest {
    /// Where datagrams go whose frames name no target, and what the first routing decision is made for.
    package var target: Destination
    package var user: ProxyUser?
    package var responseHeader: ByteBuffer?
    package var codec: any PacketStreamCodec
    /// Two bytes of a VLESS id that rules may test; 0 = none.
    package var vlessRoute: UInt16 = 0

    package init(
        target: Destination, user: ProxyUser?, responseHeader: ByteBuffer? = nil, codec: any PacketStreamCodec
    ) {
        self.target = target
        self.user = user
        self.responseHeader = responseHeader
        self.codec = codec
    }
}

package struct AssociateRequest {
    package var user: ProxyUser?
    /// The address that the reply tells the client to send to, in place of the one that the connection came in on.
    package var announcedAddress: IPAddress?
    /// Datagrams are taken from this address only; nil = the connection's own source address.
    package var codec: any DatagramCodec
    /// The reply, once the socket is bound.
    package var reply: (Endpoint) -> ByteBuffer
    /// The reply when no socket can be had.
    package var failure: ByteBuffer

    package init(
        user: ProxyUser?, announcedAddress: IPAddress?, codec: any DatagramCodec, failure: ByteBuffer,
        reply: @escaping (Endpoint) -> ByteBuffer
    ) {
        self.user = user
        self.announcedAddress = announcedAddress
        self.codec = codec
        self.failure = failure
        self.reply = reply
    }
}

/// Why a connection is not served. Nothing is sent but `reply`.
package struct HandshakeRejection {
    /// A short word for the counter of rejections (`unknown user`, `bad header` …).
    package var reason: String
    package var reply: ByteBuffer?
    /// Read and discard this many further bytes before closing, so that a prober learns nothing from the moment of closing.
    package var drain: Int

    package init(_ reason: String, reply: ByteBuffer? = nil, drain: Int = 0) {
        self.reason = reason
        self.reply = reply
        self.drain = drain
    }
}
