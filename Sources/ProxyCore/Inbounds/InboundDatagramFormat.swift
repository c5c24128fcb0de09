// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// Datagrams on an inbound's own UDP port, each with a header of its own that names its user and target. One object serves
/// all sources, from all event loops.
package protocol InboundDatagramFormat: AnyObject, Sendable {
    /// Nil = not genuine: the datagram is dropped.
    func open(_ datagram: ByteBuffer, from source: Endpoint) -> OpenedDatagram?
}

package struct OpenedDatagram {
    /// The payload and its target.
    package var packet: Packet
    package var user: ProxyUser?
    /// Writes what goes back to the same source.
    package var reply: any DatagramCodec

    package init(packet: Packet, user: ProxyUser?, reply: any DatagramCodec) {
        self.packet = packet
        self.user = user
        self.reply = reply
    }
}
