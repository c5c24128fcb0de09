// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// Datagrams on an inbound's own UDP port, each with a header of its own that names its user and target. One object serves
/// all sources, from all event loops.
package protocol InboundDatagramFormat: AnyObject, Sendable {
    func open(_ datagram: ByteBuffer, from source: Endpoint) -> DatagramOpening
}

package enum DatagramOpening {
    case opened(OpenedDatagram)
    /// Not genuine: the datagram is dropped, and counted among the inbound's rejections under this short word.
    case refused(String)

    /// Nil = refused.
    package var opened: OpenedDatagram? {
        if case .opened(let datagram) = self { datagram } else { nil }
    }
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
