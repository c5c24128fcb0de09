// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import NIOCore
package import ProxyCore
package import ProxyModel
package import Routing
package import XrayProtos

/// Answers DNS queries, over UDP and over TCP (RFC 7766): addresses by the resolver that `freedom` uses, and everything else as
/// the rules say. What they let through goes to the session's target, or to the server of the settings.
///
/// The resolver does not tell for how long its answers hold; clients are told to keep them as long as the core does itself.
package final class DNSOutbound: OutboundProtocol {
    package let name = "dns"
    private let rules: DNSRules
    private let level: UInt32
    /// Replacements of the target's parts; nil = kept.
    private let network: Network?
    private let address: Address?
    private let port: UInt16?

    package init(_ config: Xray_Proxy_Dns_Config, assets: AssetDirectory) throws(ControlError) {
        let scope = "proxy/dns"
        rules = try DNSRules(config.rule, assets: assets, scope: scope)
        level = config.userLevel
        let server = config.rewriteServer
        switch server.network {
        case .unknown: network = nil
        case .tcp: network = .tcp
        case .udp: network = .udp
        default: throw ControlError("\(scope): a DNS server is reached by tcp or udp, not by \(server.network)")
        }
        address = try server.address.host()
        guard let port = UInt16(exactly: server.port) else {
            throw ControlError("\(scope): invalid port: \(server.port)")
        }
        self.port = port == 0 ? nil : port
    }

    package func stream(for session: Session) -> StreamPlan {
        .queries(plan(for: session, inDatagrams: false), framing: LengthPacketCodec())
    }

    package func packets(for session: Session) -> PacketPlan {
        .queries(plan(for: session, inDatagrams: true))
    }

    /// An answer comes from whom the query was for.
    package func sharing(_ target: Destination) -> PacketSharing { .alone }

    private func plan(for session: Session, inDatagrams: Bool) -> QueryPlan {
        let server = Destination(
            network: network ?? session.target.network, address: address ?? session.target.address,
            port: port ?? session.target.port)
        let link: PacketPlan =
            server.network == .tcp
            ? .stream(
                PacketStreamPlan(dial: DialPlan(target: server), codec: LengthPacketCodec()))
            : .relay(PacketRelayPlan(server: server, codec: PlainDatagramCodec(server: server)))
        return QueryPlan(server: server, link: link, level: level) { [rules] message in
            Self.judge(message, by: rules, inDatagrams: inDatagrams)
        }
    }

    private static func judge(_ message: ByteBuffer, by rules: DNSRules, inDatagrams: Bool) -> QueryVerdict {
        guard let query = DNSQuery(message) else { return .drop("what is no DNS query") }
        switch rules.action(for: query) {
        case .forward: return .forward
        case .drop: return .drop("a query of type \(query.type)")
        case .answer(let code): return .answer(query.answer(code: code, inDatagram: inDatagrams))
        case .lookUp:
            return .lookUp(query.name) { found in
                switch found {
                case .addresses(let addresses, let lifetime):
                    query.answer(
                        code: addresses.isEmpty ? DNSQuery.Code.noSuchName : DNSQuery.Code.success,
                        addresses: addresses, lifetime: UInt32(clamping: lifetime.nanoseconds / 1_000_000_000),
                        inDatagram: inDatagrams)
                case .failed, .refused:
                    query.answer(code: DNSQuery.Code.serverFailure, inDatagram: inDatagrams)
                }
            }
        }
    }
}

/// Datagrams to and from one server as they are.
private final class PlainDatagramCodec: DatagramCodec {
    private let server: Destination

    init(server: Destination) {
        self.server = server
    }

    func decode(_ datagram: ByteBuffer) -> Packet? { Packet(payload: datagram, peer: server) }
    func encode(_ packet: Packet, allocator: ByteBufferAllocator) -> ByteBuffer? { packet.payload }
}
