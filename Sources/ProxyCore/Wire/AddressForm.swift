// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// The two ways in which proxy protocols write a host and a port.
package enum AddressForm: Sendable {
    /// Port, type, address; types 1 IPv4, 2 domain, 3 IPv6 (VMess, VLESS).
    case portFirst
    /// Type, address, port; types 1 IPv4, 3 domain, 4 IPv6 (SOCKS5 of RFC 1928, Trojan, Shadowsocks).
    case portLast

    private var domainType: UInt8 { self == .portFirst ? 2 : 3 }
    private var ipv6Type: UInt8 { self == .portFirst ? 3 : 4 }

    /// The address and port at the reader index, which moves behind them; nil when they are not complete yet, the reader
    /// index then stays. `typeMask` is laid over the type byte first (Shadowsocks uses its upper bits for flags).
    package func read(
        _ buffer: inout ByteBuffer, typeMask: UInt8 = 0xff
    ) throws(ProtocolError) -> (address: Address, port: UInt16)? {
        var rest = buffer
        var port: UInt16?
        if self == .portFirst {
            port = rest.readInteger()
            guard port != nil else { return nil }
        }
        guard let type = rest.readInteger(as: UInt8.self).map({ $0 & typeMask }) else { return nil }
        let address: Address
        switch type {
        case 1, ipv6Type:
            guard let bytes = rest.readSlice(length: type == 1 ? 4 : 16) else { return nil }
            guard let ip = IPAddress(bytes: bytes.readableBytesView) else {
                throw ProtocolError(.malformed, "address of a wrong length")
            }
            address = .ip(ip)
        case domainType:
            guard let length = rest.readInteger(as: UInt8.self) else { return nil }
            guard length > 0 else { throw ProtocolError(.malformed, "empty domain") }
            guard let bytes = rest.readSlice(length: Int(length)) else { return nil }
            address = try Self.host(bytes.readableBytesView)
        default:
            throw ProtocolError(.malformed, "unknown address type \(type)")
        }
        if self == .portLast {
            port = rest.readInteger()
        }
        guard let port else { return nil }
        buffer = rest
        return (address, port)
    }

    /// Writes an address and a port. False, with nothing written, when the domain does not fit its length byte.
    @discardableResult
    package func write(_ address: Address, port: UInt16, to buffer: inout ByteBuffer) -> Bool {
        if case .domain(let name) = address, !(1...255).contains(name.utf8.count) { return false }
        if self == .portFirst { buffer.writeInteger(port) }
        switch address {
        case .ip(let ip):
            buffer.writeInteger(ip.isIPv4 ? 1 : ipv6Type)
            buffer.writeBytes(ip.bytes)
        case .domain(let name):
            buffer.writeInteger(domainType)
            buffer.writeInteger(UInt8(truncatingIfNeeded: name.utf8.count))
            buffer.writeString(name)
        }
        if self == .portLast { buffer.writeInteger(port) }
        return true
    }

    /// A host as peers send it: a name whose first byte is a digit or `[` is an IP address where it reads as one;
    /// every other name holds letters, digits, `-`, `.` and `_` only.
    package static func host(_ bytes: some Collection<UInt8>) throws(ProtocolError) -> Address {
        guard let first = bytes.first else { throw ProtocolError(.malformed, "empty domain") }
        let text = String(decoding: bytes, as: UTF8.self)
        if (0x30...0x39).contains(first) || first == UInt8(ascii: "["), let ip = IPAddress(text) {
            return .ip(ip)
        }
        guard bytes.allSatisfy(isDomainByte) else { throw ProtocolError(.malformed, "bad byte in a domain") }
        return .domain(text)
    }

    private static func isDomainByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }
}
