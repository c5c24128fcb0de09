// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Glibc
import NIOCore
import ProxyModel
import Telemetry
import XrayProtos

/// The `sockopt` object: what is asked of the kernel for an inbound's or outbound's sockets. Made once; an option that the
/// kernel refuses is an error that names it.
struct SocketPlan: Sendable, Equatable {
    enum Side {
        case listening
        case connecting
    }

    enum Value: Sendable, Equatable {
        case number(Int32)
        /// The name of an interface or of a congestion control.
        case name(String)
    }

    struct Option: Sendable, Equatable {
        var label: String
        var level: Int32
        var name: Int32
        var value: Value
    }

    /// Set on a listening socket before it is bound (accepted ones inherit them), or on one that is about to connect.
    private(set) var options: [Option] = []
    private(set) var usesMultipathTCP = false
    private var lacksMultipathTCP = false
    private(set) var acceptsProxyHeader = false
    /// How an outbound's server name is resolved.
    private(set) var resolution = DomainResolution.asIs

    // The numbers of tcp(7) and ip(7) on Linux, some of which Glibc's module map leaves out.
    private static let tcp: Int32 = 6
    private static let multipathTCP: Int32 = 262
    private static let maxSegment: Int32 = 2
    private static let keepIdle: Int32 = 4
    private static let keepInterval: Int32 = 5
    private static let windowClamp: Int32 = 10
    private static let congestion: Int32 = 13
    private static let userTimeout: Int32 = 18
    private static let fastOpen: Int32 = 23
    private static let fastOpenConnect: Int32 = 30
    private static let transparent: Int32 = 19
    private static let only6: Int32 = 26
    private static let longestName = 15

    /// Nothing asked for.
    init() {}

    /// - Parameter hasMultipathTCP: The kernel can make such sockets.
    /// - Throws: For options that this build does not have, by name.
    init(
        _ config: Xray_Transport_Internet_SocketConfig, _ side: Side, hasMultipathTCP: Bool = Self.hasMultipathTCP
    ) throws(ControlError) {
        if config.mark != 0 { add("SO_MARK", SOL_SOCKET, SO_MARK, config.mark) }
        if !config.interface.isEmpty {
            try add("SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, name: config.interface)
        }
        switch (side, config.tfo) {
        case (_, ...0): break
        case (.listening, let queue): add("TCP_FASTOPEN", Self.tcp, Self.fastOpen, queue)
        case (.connecting, _): add("TCP_FASTOPEN_CONNECT", Self.tcp, Self.fastOpenConnect, 1)
        }
        if config.tproxy == .tproxy { add("IP_TRANSPARENT", 0, Self.transparent, 1) }
        addKeepAlive(idle: config.tcpKeepAliveIdle, interval: config.tcpKeepAliveInterval)
        if !config.tcpCongestion.isEmpty {
            try add("TCP_CONGESTION", Self.tcp, Self.congestion, name: config.tcpCongestion)
        }
        if config.tcpWindowClamp > 0 { add("TCP_WINDOW_CLAMP", Self.tcp, Self.windowClamp, config.tcpWindowClamp) }
        if config.tcpUserTimeout > 0 { add("TCP_USER_TIMEOUT", Self.tcp, Self.userTimeout, config.tcpUserTimeout) }
        if config.tcpMaxSeg > 0 { add("TCP_MAXSEG", Self.tcp, Self.maxSegment, config.tcpMaxSeg) }
        if side == .listening, config.v6Only { add("IPV6_V6ONLY", 41, Self.only6, 1) }
        for custom in config.customSockopt { try add(custom) }
        usesMultipathTCP = config.tcpMptcp && hasMultipathTCP
        lacksMultipathTCP = config.tcpMptcp && !hasMultipathTCP
        acceptsProxyHeader = config.acceptProxyProtocol
        resolution = DomainResolution(config.domainStrategy)
        guard config.addressPortStrategy == .none else {
            throw ControlError("transport/internet: addressPortStrategy is not available; leave it out")
        }
    }

    private mutating func add(_ label: String, _ level: Int32, _ name: Int32, _ value: Int32) {
        options.append(Option(label: label, level: level, name: name, value: .number(value)))
    }

    private mutating func add(_ label: String, _ level: Int32, _ name: Int32, name text: String) throws(ControlError) {
        guard text.utf8.count <= Self.longestName else {
            throw ControlError("transport/internet: \(label) takes a name of up to \(Self.longestName) bytes: \(text)")
        }
        options.append(Option(label: label, level: level, name: name, value: .name(text)))
    }

    private mutating func addKeepAlive(idle: Int32, interval: Int32) {
        if idle > 0 || interval > 0 {
            add("SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1)
            if idle > 0 { add("TCP_KEEPIDLE", Self.tcp, Self.keepIdle, idle) }
            if interval > 0 { add("TCP_KEEPINTVL", Self.tcp, Self.keepInterval, interval) }
        } else if idle < 0 || interval < 0 {
            add("SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 0)
        }
    }

    /// An option by its numbers; those for other systems and for datagrams are passed over, as in the original.
    private mutating func add(_ custom: Xray_Transport_Internet_CustomSockopt) throws(ControlError) {
        guard custom.system.isEmpty || custom.system == "linux", !custom.network.hasPrefix("udp") else { return }
        let levelText = custom.level.isEmpty ? "\(Self.tcp)" : custom.level
        let label = "customSockopt \(levelText)/\(custom.opt)"
        guard let level = Int32(levelText), let name = Int32(custom.opt) else {
            throw ControlError("transport/internet: \(label): level and opt must be numbers")
        }
        switch custom.type {
        case "int":
            guard let value = Int32(custom.value) else {
                throw ControlError("transport/internet: \(label): not a number: \(custom.value)")
            }
            add(label, level, name, value)
        case "str":
            try add(label, level, name, name: custom.value)
        default:
            throw ControlError("transport/internet: \(label): unknown type (known: int, str): \(custom.type)")
        }
    }

    /// Whether the kernel can make sockets of Multipath TCP (RFC 8684).
    static let hasMultipathTCP = {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), multipathTCP)
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }()

    /// Tells that the settings ask for what the kernel has not; the sockets are plain ones then.
    /// - Parameter owner: Whose they are, as in `inbound TAG`.
    func warnAboutMultipathTCP(of owner: String, to log: CoreLog) {
        guard lacksMultipathTCP else { return }
        log.write(
            .warning, "transport/internet",
            "sockopt.tcpMptcp of the \(owner) has no effect: the kernel has no Multipath TCP, or it is switched off")
    }

    /// Sets the options; on the channel's event loop, before the socket is bound or connected.
    /// - Throws: ``TransportFailure`` with the name of the option that the kernel refuses.
    func apply(to channel: any Channel) throws { try Self.set(options, on: channel) }

    /// Sets the options that sockets for datagrams have as well, in the same way.
    func applyToDatagrams(on channel: any Channel) throws {
        try Self.set(ofDatagrams, on: channel)
    }

    /// The options that sockets for datagrams have as well.
    var ofDatagrams: [Option] { options.filter { Self.labelsOfDatagrams.contains($0.label) } }

    private static let labelsOfDatagrams: Set = ["SO_MARK", "SO_BINDTODEVICE", "IP_TRANSPARENT"]

    private static func set(_ options: [Option], on channel: any Channel) throws {
        guard !options.isEmpty, let provider = channel as? any SocketOptionProvider else { return }
        for option in options {
            let level = NIOBSDSocket.OptionLevel(rawValue: option.level)
            let name = NIOBSDSocket.Option(rawValue: option.name)
            let done: EventLoopFuture<Void> =
                switch option.value {
                case .number(let number): provider.unsafeSetSocketOption(level: level, name: name, value: number)
                case .name(let text):
                    provider.unsafeSetSocketOption(level: level, name: name, value: PaddedName(text))
                }
            // On the event loop the option is set, or refused, by now.
            let failure = NIOLoopBoundBox<(any Error)?>(nil, eventLoop: channel.eventLoop)
            done.whenFailure { failure.value = $0 }
            if let error = failure.value {
                guard let code = (error as? IOError)?.errnoCode else {
                    throw TransportFailure("failed to set \(option.label)", "\(error)")
                }
                throw refusal(of: option.label, code)
            }
        }
    }

    /// What ``apply(to:)`` throws for an option that the kernel refuses with this error number.
    static func refusal(of label: String, _ code: Int32) -> TransportFailure {
        TransportFailure("failed to set \(label)", String(cString: strerror(code)).lowercased())
    }

    /// Sixteen bytes, the rest of them zeros.
    private struct PaddedName: Sendable {
        private var bytes: (UInt64, UInt64) = (0, 0)

        init(_ text: String) {
            withUnsafeMutableBytes(of: &bytes) { $0.copyBytes(from: Array(text.utf8.prefix(SocketPlan.longestName))) }
        }
    }
}

extension DomainResolution {
    init(_ strategy: Xray_Transport_Internet_DomainStrategy) {
        self =
            switch strategy {
            case .asIs, .useIp, .forceIp, .UNRECOGNIZED: .asIs
            case .useIp4, .forceIp4: .only4
            case .useIp6, .forceIp6: .only6
            case .useIp46, .forceIp46: .prefer4
            case .useIp64, .forceIp64: .prefer6
            }
    }
}
