// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyModel
import XrayProtos

/// The address of this machine that an outbound's sockets use (`sendThrough`).
enum SendThrough: Sendable, Equatable {
    case address(IPAddress)
    /// A random address of a block for each connection; the machine must own it, or route it to itself.
    case block(IPAddress, bits: Int)
    /// The address that the inbound connection came in on.
    case origin
    /// The client's own address, which the kernel lets only privileged processes use.
    case source

    /// Nil where none is set.
    /// - Throws: for a name other than `origin` and `srcip`, and for a prefix that is none.
    init?(_ sender: Xray_App_Proxyman_SenderConfig) throws(ControlError) {
        let scope = "app/proxyman/outbound"
        switch sender.via.address {
        case nil:
            return nil
        case .domain("origin")?: self = .origin
        case .domain("srcip")?: self = .source
        case .domain(let name)?:
            throw ControlError("\(scope): sendThrough: not an address: \(name)")
        case .ip(let bytes)?:
            guard let ip = IPAddress(bytes: bytes) else {
                throw ControlError("\(scope): sendThrough: an address of \(bytes.count) bytes")
            }
            guard !sender.viaCidr.isEmpty else {
                if ip.isUnspecified { return nil }
                self = .address(ip)
                return
            }
            guard let bits = Int(sender.viaCidr), (0...(ip.isIPv4 ? 32 : 128)).contains(bits) else {
                throw ControlError("\(scope): sendThrough: not a prefix length: \(sender.viaCidr)")
            }
            self = .block(ip, bits: bits)
        }
    }

    /// The address for one session; nil = the kernel chooses.
    func address(for session: Session) -> IPAddress? {
        switch self {
        case .address(let ip): ip
        case .block(let ip, let bits): Self.random(in: ip, bits: bits)
        case .origin: session.local.ip.isUnspecified ? nil : session.local.ip
        case .source: session.source.ip.isUnspecified ? nil : session.source.ip
        }
    }

    private static func random(in block: IPAddress, bits: Int) -> IPAddress {
        switch block {
        case .v4(let value):
            let mask: UInt32 = bits == 0 ? 0 : .max << UInt32(32 - bits)
            return .v4(value & mask | .random(in: 0 ... .max) & ~mask)
        case .v6(let high, let low):
            let highMask: UInt64 = bits == 0 ? 0 : bits >= 64 ? .max : .max << UInt64(64 - bits)
            let lowMask: UInt64 = bits <= 64 ? 0 : .max << UInt64(128 - bits)
            return .v6(
                high: high & highMask | .random(in: 0 ... .max) & ~highMask,
                low: low & lowMask | .random(in: 0 ... .max) & ~lowMask)
        }
    }
}

extension Outbound {
    /// What the protocol does with a stream, from the address that is set for this outbound.
    func stream(for session: Session) -> StreamPlan {
        let plan = proto.stream(for: session)
        guard let address = sendThrough?.address(for: session) else { return plan }
        switch plan {
        case .dial(var dial):
            dial.localAddress = address
            return .dial(dial)
        case .queries(var queries, let framing):
            queries.link = queries.link.from(address)
            return .queries(queries, framing: framing)
        case .discard, .serve, .refuse, .reenter: return plan
        }
    }

    /// What the protocol does with datagrams, from the address that is set for this outbound.
    func packets(for session: Session) -> PacketPlan {
        let plan = proto.packets(for: session)
        guard let address = sendThrough?.address(for: session) else { return plan }
        return plan.from(address)
    }
}

extension PacketPlan {
    /// The plan with an address of this machine for its sockets.
    fileprivate func from(_ address: IPAddress) -> PacketPlan {
        switch self {
        case .socket(var socket):
            socket.localAddress = address
            return .socket(socket)
        case .stream(var stream):
            stream.dial.localAddress = address
            return .stream(stream)
        case .relay(var relay):
            relay.localAddress = address
            relay.association?.dial.localAddress = address
            return .relay(relay)
        case .queries(var queries):
            queries.link = queries.link.from(address)
            return .queries(queries)
        case .discard, .refuse, .reenter: return self
        }
    }
}
