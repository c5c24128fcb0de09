// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyModel
import XrayProtos

/// Where an inbound listens, from its ReceiverConfig.
struct ListenPlan: Sendable, Equatable {
    /// Nil = all addresses, both families.
    var ip: IPAddress?
    var ports: [UInt16] = []
    /// A unix socket's path in place of an address; `@name` is an abstract one.
    var unixPath: String?
    /// The mode of that socket's file; nil = what the umask makes of it.
    var unixMode: UInt32?

    /// - Throws: For a domain other than `localhost`, and for a port above 65535.
    init(_ config: Xray_App_Proxyman_ReceiverConfig) throws(ControlError) {
        if config.hasListen {
            switch config.listen.address {
            case .ip(let bytes):
                guard let ip = IPAddress(bytes: bytes) else {
                    throw ControlError("app/proxyman/inbound: listen address of \(bytes.count) bytes")
                }
                self.ip = ip.isUnspecified ? nil : ip
            case .domain(let name):
                if name == "localhost" {
                    ip = .loopbackV4
                } else if name.hasPrefix("/") || name.hasPrefix("@") {
                    try listen(onUnix: name)
                    return
                } else {
                    throw ControlError("app/proxyman/inbound: unable to listen on domain address: \(name)")
                }
            case nil:
                throw ControlError("app/proxyman/inbound: listen address is empty")
            }
        }
        for range in config.portList.range where range.from <= range.to {
            guard range.to <= 65_535 else {
                throw ControlError("app/proxyman/inbound: port \(range.to) is not in 0-65535")
            }
            for port in range.from...range.to where port != 0 { ports.append(UInt16(port)) }
        }
    }

    /// `/path`, `/path,0666`, `@name` (abstract), or `@@name` (abstract, padded with zeros as HAProxy does).
    private mutating func listen(onUnix name: String) throws(ControlError) {
        unixPath = name
        let parts = name.split(separator: ",", omittingEmptySubsequences: false)
        guard !name.hasPrefix("@"), parts.count == 2 else { return }
        guard let mode = UInt32(parts[1], radix: 8), mode <= 0o7777 else {
            throw ControlError("app/proxyman/inbound: failed to parse permission: \(parts[1])")
        }
        unixPath = String(parts[0])
        unixMode = mode
    }

    /// Whether both would listen on one and the same address.
    func meets(_ other: ListenPlan) -> Bool {
        guard unixPath == nil, other.unixPath == nil else { return unixPath == other.unixPath }
        return (ip == nil || other.ip == nil || ip == other.ip) && !Set(ports).isDisjoint(with: other.ports)
    }

    var socketAddresses: [SocketAddress] {
        ports.map { SocketAddress(ip ?? .anyV6, port: $0) }
    }
}
