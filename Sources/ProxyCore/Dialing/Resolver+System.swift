// SPDX-License-Identifier: Apache-2.0
import Glibc
package import ProxyModel

extension Resolver {
    /// getaddrinfo(3) for both families; blocks.
    @Sendable package static func system(_ name: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let raw = entry.pointee.ai_addr, let ip = Endpoint(raw: raw)?.ip else { continue }
            if !addresses.contains(ip) { addresses.append(ip) }
        }
        return addresses
    }
}
