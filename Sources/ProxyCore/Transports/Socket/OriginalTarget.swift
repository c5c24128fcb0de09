// SPDX-License-Identifier: Apache-2.0
import Glibc
import NIOCore
import NIOPosix
import ProxyModel
import XrayProtos

/// How the kernel hands over connections that were on their way to somebody else.
enum Redirection: Sendable, Equatable {
    /// `REDIRECT` of iptables and nftables: the target was replaced, and is asked for.
    case redirect
    /// `TPROXY`: the socket has the target as its own address.
    case tproxy

    /// Nil where the inbound does not follow redirections.
    init?(_ receiver: Xray_App_Proxyman_ReceiverConfig) {
        guard receiver.receiveOriginalDestination else { return nil }
        self = receiver.streamSettings.socketSettings.tproxy == .tproxy ? .tproxy : .redirect
    }
}

/// Where an accepted connection was going before the kernel brought it here.
enum OriginalTarget: Equatable {
    /// The connection came by itself, or the kernel does not tell.
    case unknown
    case known(Endpoint)
    /// The listener itself: to connect there would bring the connection here again and again.
    case loop

    /// SO_ORIGINAL_DST of linux/netfilter_ipv4.h, and IP6T_SO_ORIGINAL_DST of linux/netfilter_ipv6/ip6_tables.h.
    private static let option: Int32 = 80
    private static let ipv4Level: Int32 = 0
    private static let ipv6Level: Int32 = 41

    /// Asks for the target of a connection; on its event loop.
    /// - Parameter listener: The address that is listened on.
    init(of channel: any Channel, _ redirection: Redirection, listener: Endpoint) {
        guard let local = channel.localAddress.flatMap(Endpoint.init) else {
            self = .unknown
            return
        }
        let target: Endpoint?
        switch redirection {
        case .tproxy: target = local
        case .redirect: target = Self.beforeRedirect(channel, isIPv4: local.ip.isIPv4)
        }
        guard let target else {
            self = .unknown
            return
        }
        let isListener =
            listener.ip.isUnspecified
            ? target.port == listener.port && Self.isOwn(target.ip) : target == listener
        self = isListener ? .loop : .known(target)
    }

    private static func beforeRedirect(_ channel: any Channel, isIPv4: Bool) -> Endpoint? {
        guard let provider = channel as? any SocketOptionProvider else { return nil }
        let found = NIOLoopBoundBox<Endpoint?>(nil, eventLoop: channel.eventLoop)
        let name = NIOBSDSocket.Option(rawValue: option)
        // On the event loop the option is read by now; it cannot be where no connection was redirected.
        if isIPv4 {
            let answer: EventLoopFuture<sockaddr_in> = provider.unsafeGetSocketOption(
                level: NIOBSDSocket.OptionLevel(rawValue: ipv4Level), name: name)
            answer.whenSuccess { found.value = Endpoint(SocketAddress($0)) }
        } else {
            let answer: EventLoopFuture<sockaddr_in6> = provider.unsafeGetSocketOption(
                level: NIOBSDSocket.OptionLevel(rawValue: ipv6Level), name: name)
            answer.whenSuccess { found.value = Endpoint(SocketAddress($0)) }
        }
        return found.value
    }

    /// An address of this machine. Asked only about targets on the listener's own port, which are rare.
    private static func isOwn(_ ip: IPAddress) -> Bool {
        if ip.isLoopback { return true }
        let devices = (try? System.enumerateDevices()) ?? []
        return devices.contains { $0.address.flatMap(Endpoint.init)?.ip == ip }
    }
}
