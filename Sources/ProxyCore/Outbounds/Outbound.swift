// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Telemetry
import XrayProtos

/// An outbound in use: its tag, what it does, and its counters.
final class Outbound: Sendable {
    let tag: String
    let proto: any OutboundProtocol
    let transport: OutboundTransport
    /// The configuration as it was given, for ListOutbounds; nil for the API's own outbound, which is not listed.
    let config: Xray_Core_OutboundHandlerConfig?
    /// Nil = each session has a connection of its own.
    let mux: MuxSettings?
    let uplink: Counter?
    let downlink: Counter?
    let sendThrough: SendThrough?

    init(
        tag: String, proto: any OutboundProtocol, transport: OutboundTransport,
        config: Xray_Core_OutboundHandlerConfig?, mux: MuxSettings? = nil, uplink: Counter?, downlink: Counter?,
        sendThrough: SendThrough? = nil
    ) {
        self.tag = tag
        self.proto = proto
        self.transport = transport
        self.config = config
        self.mux = mux
        self.uplink = uplink
        self.downlink = downlink
        self.sendThrough = sendThrough
    }
}

extension Outbound {
    enum Sharing {
        /// In a mux connection, whose sessions serve all targets of a source.
        case muxed
        case byProtocol(PacketSharing)
    }

    /// Which flow datagrams to a target belong to.
    func sharing(_ target: Destination) -> Sharing {
        // How they are carried depends on the target.
        if transport.carrierTag != nil, proto.isDirect { return .byProtocol(.alone) }
        guard let mux, mux.packets != .apart else { return .byProtocol(proto.sharing(target)) }
        switch mux.udp443 {
        case .reject where target.port == 443: return .byProtocol(.refused("XUDP rejected UDP/443 traffic"))
        case .skip where target.port == 443: return .byProtocol(proto.sharing(target))
        case .reject, .skip, .allow: return .muxed
        }
    }
}
