// SPDX-License-Identifier: Apache-2.0
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
