// SPDX-License-Identifier: Apache-2.0
import Glibc
package import ProxyModel

extension Resolver {
    /// EAI_NODATA, a name without addresses, which the headers keep for those who ask for GNU's extensions.
    private static let noData: Int32 = -5

    /// getaddrinfo(3) for both families; blocks. Throws when no name server could be asked.
    @Sendable package static func system(_ name: String) throws -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        guard status == 0 else {
            if status == EAI_NONAME || status == noData { return [] }
            throw DialError(description: "\(name): \(String(cString: gai_strerror(status)))")
        }
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
