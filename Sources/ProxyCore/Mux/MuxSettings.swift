// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import XrayProtos

/// An outbound's `mux`: which sessions share connections to its server.
struct MuxSettings: Sendable, Equatable {
    enum UDP443: String, Sendable {
        /// Datagrams to port 443 are dropped, so that browsers go back from QUIC to TLS.
        case reject
        case allow
        /// They go without mux.
        case skip
    }

    enum Packets: Sendable, Equatable {
        /// Without mux.
        case apart
        /// In the connections of streams, as one session each source.
        case amongStreams
        /// In connections of their own, for so many sources each.
        case together(Int)
    }

    private static let usualConcurrency = 8

    /// Streams that share a connection; nil = each has its own.
    let streams: Int?
    /// Only with `streams`: ``Packets/amongStreams``.
    let packets: Packets
    let udp443: UDP443

    /// Nil when mux is off.
    init?(_ config: Xray_App_Proxyman_MultiplexingConfig) throws(ControlError) {
        guard config.enabled else { return nil }
        let concurrency = Int(config.concurrency)
        streams = concurrency < 0 ? nil : concurrency == 0 ? Self.usualConcurrency : concurrency
        let xudp = Int(config.xudpConcurrency)
        packets = xudp > 0 ? .together(xudp) : xudp == 0 && concurrency >= 0 ? .amongStreams : .apart
        guard let udp443 = UDP443(rawValue: config.xudpProxyUdp443.isEmpty ? "reject" : config.xudpProxyUdp443) else {
            throw ControlError(
                "app/proxyman/outbound: unknown \"xudpProxyUDP443\": \(config.xudpProxyUdp443) "
                    + "(known: reject, allow, skip)")
        }
        self.udp443 = udp443
    }
}
