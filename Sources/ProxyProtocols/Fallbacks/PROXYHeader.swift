// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// Tells a server behind us where a connection came from (haproxy's proxy-protocol.txt, sections 2.1 and 2.2).
enum PROXYHeader {
    private static let signature: [UInt8] = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]

    /// The header of version 1 or 2; nil for another version. Ends that are no addresses make one that says "unknown".
    static func bytes(_ version: Int, source: Endpoint, target: Endpoint) -> ByteBuffer? {
        let isKnown = source != .unspecified && source.ip.isIPv4 == target.ip.isIPv4
        switch version {
        case 1:
            guard isKnown else { return ByteBuffer(string: "PROXY UNKNOWN\r\n") }
            let family = source.ip.isIPv4 ? "TCP4" : "TCP6"
            return ByteBuffer(string: "PROXY \(family) \(source.ip) \(target.ip) \(source.port) \(target.port)\r\n")
        case 2:
            var header = ByteBuffer(bytes: signature)
            guard isKnown else {
                header.writeBytes([0x20, 0x00, 0x00, 0x00])
                return header
            }
            header.writeBytes([0x21, source.ip.isIPv4 ? 0x11 : 0x21])
            header.writeInteger(UInt16(source.ip.isIPv4 ? 12 : 36))
            header.writeBytes(source.ip.bytes)
            header.writeBytes(target.ip.bytes)
            header.writeInteger(source.port)
            header.writeInteger(target.port)
            return header
        default:
            return nil
        }
    }
}
