// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// Which live flows are meant: those for which every given part holds.
package struct FlowSelector: Sendable, Equatable {
    package var inbound: String?
    package var outbound: String?
    /// Compared without regard to case, as the user tables compare e-mails.
    package var email: String?
    package var source: IPAddress?

    package init(inbound: String? = nil, outbound: String? = nil, email: String? = nil, source: IPAddress? = nil) {
        self.inbound = inbound
        self.outbound = outbound
        self.email = email
        self.source = source
    }
}

/// A live flow and the payload bytes that it has moved so far.
package struct FlowReport: Sendable, Equatable {
    package var summary: FlowSummary
    package var uplink: Int64
    package var downlink: Int64
    /// Seconds since the flow was opened.
    package var age: Double

    package init(summary: FlowSummary, uplink: Int64, downlink: Int64, age: Double) {
        self.summary = summary
        self.uplink = uplink
        self.downlink = downlink
        self.age = age
    }
}

extension FlowSelector: CustomStringConvertible {
    /// `email=a@example.com source=192.0.2.1`; `all` when nothing is given.
    package var description: String {
        let parts = [
            ("inbound", inbound), ("outbound", outbound), ("email", email), ("source", source.map { "\($0)" }),
        ].compactMap { name, value in value.map { "\(name)=\($0)" } }
        return parts.isEmpty ? "all" : parts.joined(separator: " ")
    }
}
