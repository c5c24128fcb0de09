// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import ProxyCore
package import ProxyModel

/// Constants of VLESS version 0.
package enum VLESS {
    package static let visionFlow = "xtls-rprx-vision"
    /// Version, id, an empty addons length: fewer bytes in a first read are another protocol's.
    package static let shortestRequest = 18

    package enum Command: UInt8, Sendable {
        case tcp = 1
        case udp = 2
        case mux = 3
        case reverse = 4
    }

    /// Version 0 and no addons: what a server sends in front of its first bytes.
    package static let responseHeader = ByteBuffer(bytes: [0, 0])

    /// Takes a server's response header off the buffer; false = not complete yet.
    static func readResponseHeader(_ buffer: inout ByteBuffer) throws(ProtocolError) -> Bool {
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self) else { return false }
        guard version == 0 else { throw ProtocolError(.malformed, "VLESS response of version \(version)") }
        guard let addons = rest.readInteger(as: UInt8.self), rest.readSlice(length: Int(addons)) != nil else {
            return false
        }
        buffer = rest
        return true
    }

    /// A request; the payload follows. Nil when the domain is too long. A request for mux names no target.
    package static func request(id: UserID, target: Destination, flow: String = "") -> ByteBuffer? {
        var buffer = ByteBuffer(bytes: [0])
        buffer.writeBytes(id.bytes)
        // The addons: a message of which only the flow, field 1, is in use.
        let addons: [UInt8] = flow.isEmpty ? [] : [0x0a, UInt8(truncatingIfNeeded: flow.utf8.count)] + flow.utf8
        buffer.writeInteger(UInt8(truncatingIfNeeded: addons.count))
        buffer.writeBytes(addons)
        guard !target.isMuxRequest else {
            buffer.writeInteger(Command.mux.rawValue)
            return buffer
        }
        buffer.writeInteger((target.network == .udp ? Command.udp : Command.tcp).rawValue)
        guard AddressForm.portFirst.write(target.address, port: target.port, to: &buffer) else { return nil }
        return buffer
    }
}
