// SPDX-License-Identifier: Apache-2.0
import Glibc
package import NIOCore
package import ProxyModel

// The bytes of sockaddr_in and sockaddr_in6 on Linux (ip(7), ipv6(7)): family, port, then for IPv4 the address, for IPv6 the
// flow label, the address and the scope. Read and written as bytes, so that no text is made on the way.

private let addressOffsetV4 = 4
private let addressOffsetV6 = 8

extension SocketAddress {
    /// A socket address without a trip through text.
    package init(_ ip: IPAddress, port: UInt16) {
        switch ip {
        case .v4(let value):
            self = withUnsafeTemporaryAllocation(
                byteCount: MemoryLayout<sockaddr_in>.size, alignment: MemoryLayout<sockaddr_in>.alignment
            ) { bytes in
                bytes.initializeMemory(as: UInt8.self, repeating: 0)
                bytes.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
                bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
                bytes.storeBytes(of: value.bigEndian, toByteOffset: addressOffsetV4, as: UInt32.self)
                return SocketAddress(bytes.load(as: sockaddr_in.self))
            }
        case .v6(let high, let low):
            self = withUnsafeTemporaryAllocation(
                byteCount: MemoryLayout<sockaddr_in6>.size, alignment: MemoryLayout<sockaddr_in6>.alignment
            ) { bytes in
                bytes.initializeMemory(as: UInt8.self, repeating: 0)
                bytes.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
                bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
                bytes.storeBytes(of: high.bigEndian, toByteOffset: addressOffsetV6, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: addressOffsetV6 + 8, as: UInt64.self)
                return SocketAddress(bytes.load(as: sockaddr_in6.self))
            }
        }
    }
}

extension Endpoint {
    /// Nil for a unix socket's address.
    package init?(_ address: SocketAddress) {
        switch address {
        case .v4(let v4):
            self = withUnsafeBytes(of: v4.address) { Endpoint(v4: $0) }
        case .v6(let v6):
            self = withUnsafeBytes(of: v6.address) { Endpoint(v6: $0) }
        case .unixDomainSocket:
            return nil
        }
    }

    private init(v4 bytes: UnsafeRawBufferPointer) {
        let address = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: addressOffsetV4, as: UInt32.self))
        self.init(ip: .v4(address), port: UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
    }

    private init(v6 bytes: UnsafeRawBufferPointer) {
        let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: addressOffsetV6, as: UInt64.self))
        let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: addressOffsetV6 + 8, as: UInt64.self))
        self.init(
            ip: IPAddress(high: high, low: low),
            port: UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
    }

    /// The address that a C function left behind `raw`; nil for a family other than IPv4 and IPv6.
    init?(raw: UnsafePointer<sockaddr>) {
        // The first field of all socket addresses. Which module declares it depends on what is imported beside.
        switch Int32(UnsafeRawPointer(raw).loadUnaligned(as: sa_family_t.self)) {
        case AF_INET: self.init(v4: UnsafeRawBufferPointer(start: raw, count: MemoryLayout<sockaddr_in>.size))
        case AF_INET6: self.init(v6: UnsafeRawBufferPointer(start: raw, count: MemoryLayout<sockaddr_in6>.size))
        default: return nil
        }
    }
}
