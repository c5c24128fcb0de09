// SPDX-License-Identifier: Apache-2.0
package import XrayProtos

/// What a user level may do: time-outs in seconds, buffer size, and which statistics are kept.
package struct LevelPolicy: Sendable, Equatable {
    package var handshake: UInt32 = 60
    package var connectionIdle: UInt32 = 300
    /// How long the downlink may be silent after the uplink has ended.
    package var downlinkOnly: UInt32 = 1
    /// How long the uplink may be silent after the downlink has ended.
    package var uplinkOnly: UInt32 = 1
    /// Bytes that may wait in one direction of a flow before its reader is paused.
    package var bufferSize = 512 * 1024
    package var countsUplink = false
    package var countsDownlink = false
    package var tracksOnline = false

    package init() {}
}

/// The policy of a running core; fixed at start.
package struct Policy: Sendable {
    package var levels: [UInt32: LevelPolicy] = [:]
    package var countsInboundUplink = false
    package var countsInboundDownlink = false
    package var countsOutboundUplink = false
    package var countsOutboundDownlink = false
    /// Refused handshakes of inbounds that have a tag.
    package var countsRejections = false

    package init() {}

    /// The policy of a configuration's `policy` object. With `statistics` false (no `stats` object) nothing is counted.
    package init(_ config: Xray_App_Policy_Config, statistics: Bool) {
        for (number, level) in config.level {
            levels[number] = LevelPolicy(level, statistics: statistics)
        }
        guard statistics else { return }
        let system = config.system.stats
        countsInboundUplink = system.inboundUplink
        countsInboundDownlink = system.inboundDownlink
        countsOutboundUplink = system.outboundUplink
        countsOutboundDownlink = system.outboundDownlink
        countsRejections = true
    }

    package func level(_ number: UInt32) -> LevelPolicy {
        levels[number] ?? LevelPolicy()
    }
}

extension LevelPolicy {
    fileprivate init(_ config: Xray_App_Policy_Policy, statistics: Bool) {
        if config.hasTimeout {
            let timeout = config.timeout
            if timeout.hasHandshake { handshake = timeout.handshake.value }
            if timeout.hasConnectionIdle { connectionIdle = timeout.connectionIdle.value }
            if timeout.hasUplinkOnly { uplinkOnly = timeout.uplinkOnly.value }
            if timeout.hasDownlinkOnly { downlinkOnly = timeout.downlinkOnly.value }
        }
        if config.hasBuffer {
            let bytes = Int(config.buffer.connection)
            bufferSize = bytes < 0 ? .max / 2 : bytes
        }
        guard statistics, config.hasStats else { return }
        countsUplink = config.stats.userUplink
        countsDownlink = config.stats.userDownlink
        tracksOnline = config.stats.userOnline
    }
}
