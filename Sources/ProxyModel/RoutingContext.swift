// SPDX-License-Identifier: Apache-2.0

/// What a routing decision may look at; the fields are those of `xray.app.router.command.RoutingContext`.
///
/// Empty text, empty lists and zero mean "unknown": a condition on an unknown field does not hold.
package struct RoutingContext: Sendable, Equatable {
    package var inboundTag = ""
    package var network = Network.unknown
    package var sourceIPs: [IPAddress] = []
    package var targetIPs: [IPAddress] = []
    package var localIPs: [IPAddress] = []
    package var sourcePort: UInt16 = 0
    package var targetPort: UInt16 = 0
    package var localPort: UInt16 = 0
    package var targetDomain = ""
    /// The sniffed protocol (`http1`, `tls`, `quic`, `bittorrent` …).
    package var sniffedProtocol = ""
    /// The user's e-mail.
    package var user = ""
    /// Sniffed HTTP headers by lower-case name, with `:method` and `:path`.
    package var attributes: [String: String] = [:]
    package var vlessRoute: UInt16 = 0

    package init() {}
}
