// SPDX-License-Identifier: Apache-2.0

/// A change inside the core, as scripts, streaming calls and the log see it.
package struct CoreEvent: Sendable, Equatable {
    /// Position in the order of all events of this process, from 1, without gaps.
    package var sequence: UInt64
    package var kind: Kind

    package init(sequence: UInt64, kind: Kind) {
        self.sequence = sequence
        self.kind = kind
    }

    package enum Kind: Sendable, Equatable {
        case inboundAdded(tag: String)
        case inboundRemoved(tag: String)
        case outboundAdded(tag: String)
        case outboundRemoved(tag: String)
        case userAdded(inbound: String, email: String)
        case userRemoved(inbound: String, email: String)
        case userOnline(email: String, source: IPAddress)
        case userOffline(email: String, source: IPAddress)
        case rulesChanged
        /// A balancer was set to a target or set free (""), chooses among other outbounds than before, is new or gone (no outbounds).
        case balancerChanged(tag: String, target: String, outbounds: [String])
        case flowOpened(FlowSummary)
        case flowClosed(FlowSummary, uplink: Int64, downlink: Int64)
        /// A handshake was refused: a wrong key, an unknown user, no proxy protocol at all, silence. `reason` is one of the
        /// protocol's fixed texts.
        case connectionRejected(inbound: String, source: IPAddress, reason: String)
        /// A line of the error log, as it is written, without the time.
        case logLine(level: LogLevel, text: String)
        case loggerRestarted
        /// The configuration's files were read again and applied; how many things became different.
        case configurationReloaded(changes: Int, by: String)
        case script(OfScript)
    }

    /// An event that a script has raised, for other scripts.
    package struct OfScript: Sendable, Equatable {
        /// Begins with `script.`.
        package var name: String
        /// The script that raised it.
        package var script: String
        /// An object of JSON.
        package var fields: String

        package init(name: String, script: String, fields: String) {
            self.name = name
            self.script = script
            self.fields = fields
        }
    }
}

/// What a live or ended flow was: who, from where, through which inbound and outbound, to where.
package struct FlowSummary: Sendable, Equatable {
    package var id: UInt64
    package var inbound: String
    package var outbound: String
    package var email: String
    package var source: Endpoint
    package var target: Destination

    package init(
        id: UInt64, inbound: String, outbound: String, email: String, source: Endpoint, target: Destination
    ) {
        self.id = id
        self.inbound = inbound
        self.outbound = outbound
        self.email = email
        self.source = source
        self.target = target
    }
}
