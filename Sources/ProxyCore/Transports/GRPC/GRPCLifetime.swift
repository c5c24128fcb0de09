// SPDX-License-Identifier: Apache-2.0
import NIOCore
import XrayProtos

/// When a silent connection is asked whether it is alive.
struct GRPCKeepAlive: Sendable, Equatable {
    /// gRPC's defaults and lower bounds.
    private static let timeout = 20
    private static let serverInterval = 7200
    private static let smallestClientInterval = 10

    /// Without a byte from the peer.
    let interval: TimeAmount
    /// How long it may take to answer.
    let timeout: TimeAmount
    /// Also while there are no streams.
    let withoutStreams: Bool

    /// Nil where nothing is asked for.
    init?(client config: Xray_Transport_Internet_Grpc_Encoding_Config) {
        guard config.idleTimeout > 0 || config.healthCheckTimeout > 0 || config.permitWithoutStream else { return nil }
        interval = .seconds(Int64(max(Int(config.idleTimeout), Self.smallestClientInterval)))
        timeout = .seconds(Int64(config.healthCheckTimeout > 0 ? Int(config.healthCheckTimeout) : Self.timeout))
        withoutStreams = config.permitWithoutStream
    }

    /// Nil where nothing is asked for.
    init?(server config: Xray_Transport_Internet_Grpc_Encoding_Config) {
        guard config.idleTimeout > 0 || config.healthCheckTimeout > 0 else { return nil }
        interval = .seconds(Int64(config.idleTimeout > 0 ? Int(config.idleTimeout) : Self.serverInterval))
        timeout = .seconds(Int64(config.healthCheckTimeout > 0 ? Int(config.healthCheckTimeout) : Self.timeout))
        withoutStreams = true
    }
}

/// When a connection of tunnels is pinged, and when it is given up. Pure.
struct GRPCLifetime {
    enum Due: Equatable {
        case ping
        case close(String)
    }

    private let keepAlive: GRPCKeepAlive?
    /// How long a connection without streams is kept; nil = for ever.
    private let idleLimit: TimeAmount?
    private var count = 0
    private var quietSince: NIODeadline
    private var pingedAt: NIODeadline?
    private var idleUntil: NIODeadline?

    /// - Parameter firstLimit: How long it may take to the first stream; nil = for ever.
    init(keepAlive: GRPCKeepAlive?, firstLimit: TimeAmount?, idleLimit: TimeAmount?, now: NIODeadline) {
        self.keepAlive = keepAlive
        self.idleLimit = idleLimit
        quietSince = now
        idleUntil = firstLimit.map { now + $0 }
    }

    /// Something came from the peer.
    mutating func received(now: NIODeadline) {
        quietSince = now
        pingedAt = nil
    }

    mutating func streamsChanged(to count: Int, now: NIODeadline) {
        if self.count == 0, count > 0 {
            idleUntil = nil
            quietSince = now
        } else if self.count > 0, count == 0 {
            idleUntil = idleLimit.map { now + $0 }
        }
        self.count = count
    }

    /// When ``due(now:)`` has something to say; nil = never.
    var deadline: NIODeadline? {
        guard let check else { return idleUntil }
        return idleUntil.map { min($0, check) } ?? check
    }

    private var check: NIODeadline? {
        guard let keepAlive else { return nil }
        if let pingedAt { return pingedAt + keepAlive.timeout }
        return count > 0 || keepAlive.withoutStreams ? quietSince + keepAlive.interval : nil
    }

    /// What is to be done; nil = nothing yet.
    mutating func due(now: NIODeadline) -> Due? {
        if let idleUntil, idleUntil <= now { return .close("no streams") }
        guard let check, check <= now else { return nil }
        guard pingedAt == nil else { return .close("the peer does not answer") }
        pingedAt = now
        return .ping
    }
}
