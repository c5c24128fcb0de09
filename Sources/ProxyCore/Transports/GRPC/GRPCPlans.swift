// SPDX-License-Identifier: Apache-2.0
import GRPCWire
import NIOCore
import ProxyModel
import XrayProtos

/// The paths of the two methods of a tunnel service, which `serviceName` gives.
///
/// A plain name is a service with the methods `Tun` and `TunMulti`. A name that begins with `/` is a path: what is behind the last
/// `/` are the methods, with `|` between them, or one method for both.
struct GRPCPaths: Equatable {
    let single: String
    let multi: String

    init(serviceName: String) {
        guard serviceName.hasPrefix("/"), let last = serviceName.lastIndex(of: "/") else {
            let service = Self.escaped(serviceName[...])
            single = "/\(service)/Tun"
            multi = "/\(service)/TunMulti"
            return
        }
        let service = serviceName[..<last].dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            .map(Self.escaped).joined(separator: "/")
        let methods = serviceName[serviceName.index(after: last)...]
            .split(separator: "|", omittingEmptySubsequences: false).map(Self.escaped)
        single = "/\(service)/\(methods[0])"
        multi = "/\(service)/\(methods.count == 1 ? methods[0] : methods[1])"
    }

    /// One segment of a path, with the octets as they are that Go's `url.PathEscape` leaves.
    private static func escaped(_ segment: Substring) -> String {
        var text = ""
        for octet in segment.utf8 {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                text.unicodeScalars.append(Unicode.Scalar(octet))
            case _ where "-_.~$&+=:@".utf8.contains(octet):
                text.unicodeScalars.append(Unicode.Scalar(octet))
            default:
                text += "%" + (octet < 16 ? "0" : "") + String(octet, radix: 16, uppercase: true)
            }
        }
        return text
    }
}

/// What the two sides of the transport make of the same fields of their settings.
enum GRPCWindows {
    /// A stream's, where the settings give none: some 40 Mbit/s at a distance of 200 ms.
    private static let stream = 1024 * 1024
    /// Smaller ones are passed over, as by gRPC's own libraries.
    private static let smallestStream = 65_535
    private static let connection = 8 * 1024 * 1024

    static func options(
        isServer: Bool, _ config: Xray_Transport_Internet_Grpc_Encoding_Config
    ) -> HTTP2Session.Options {
        let given = Int(config.initialWindowsSize)
        let window = given >= smallestStream ? given : stream
        return HTTP2Session.Options(
            isServer: isServer, maxHeaderListSize: 16 * 1024, streamWindow: window,
            connectionWindow: max(window, connection))
    }
}

/// What a `grpc` inbound asks of a request.
struct GRPCServerPlan: Sendable {
    /// Streams of one connection: other programs carry all they have in one.
    private static let streamLimit = 8192
    /// A busy client that is left by its servers resets many streams.
    private static let resets = (burst: 10_000, perSecond: 2_000)

    let methods: [[UInt8]]
    let options: HTTP2Session.Options
    let keepAlive: GRPCKeepAlive?
    let forwarders: TrustedForwarders

    init(_ config: Xray_Transport_Internet_Grpc_Encoding_Config, forwarders: TrustedForwarders) {
        let paths = GRPCPaths(serviceName: config.serviceName)
        methods = [Array(paths.single.utf8), Array(paths.multi.utf8)]
        var options = GRPCWindows.options(isServer: true, config)
        options.maxConcurrentStreams = Self.streamLimit
        options.resets = Self.resets
        self.options = options
        keepAlive = GRPCKeepAlive(server: config)
        self.forwarders = forwarders
    }
}

/// What a `grpc` outbound says to its server.
struct GRPCClientPlan: Sendable {
    let options: HTTP2Session.Options
    let keepAlive: GRPCKeepAlive?
    private let path: String
    private let authority: String
    private let userAgent: String
    private let scheme: String

    /// - Parameter serverName: The name that TLS asks for, where it is set.
    init(_ config: Xray_Transport_Internet_Grpc_Encoding_Config, serverName: String, isSecure: Bool) {
        let paths = GRPCPaths(serviceName: config.serviceName)
        path = config.multiMode ? paths.multi : paths.single
        options = GRPCWindows.options(isServer: false, config)
        keepAlive = GRPCKeepAlive(client: config)
        authority = config.authority.isEmpty ? serverName : config.authority
        userAgent = config.userAgent
        scheme = isSecure ? "https" : "http"
    }

    /// The headers of every stream to a server.
    func request(to target: Destination) -> HeaderBlock {
        var block = HeaderBlock()
        block.append(":method", "POST")
        block.append(":scheme", scheme)
        block.append(":path", path)
        block.append(":authority", authority.isEmpty ? Self.authority(of: target) : authority)
        block.append("content-type", "application/grpc")
        if !userAgent.isEmpty { block.append("user-agent", userAgent) }
        block.append("te", "trailers")
        return block
    }

    private static func authority(of target: Destination) -> String {
        switch target.address {
        case .domain(let name): name
        case .ip(let ip): "\(ip.bracketed):\(target.port)"
        }
    }
}
