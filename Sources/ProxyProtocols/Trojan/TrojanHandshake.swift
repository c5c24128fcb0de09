// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
import ProxyModel

/// Reads a Trojan request in any number of pieces.
///
/// With fallbacks the first read decides whether it is one: clients send their header in one piece.
/// As in Xray the value of the second line end is not looked at, and every command but UDP ASSOCIATE is CONNECT.
package struct TrojanHandshake: StreamHandshake {
    private let users: TrojanUsers
    private let door: FallbackDoor

    package init(users: TrojanUsers, door: FallbackDoor) {
        self.users = users
        self.door = door
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        var rest = buffer
        guard rest.readableBytes > 0 else { return .needMore }
        guard let digits = rest.readSlice(length: TrojanKey.length) else { return door.waitOrFallBack(buffer) }
        guard let key = TrojanKey(digits: digits.readableBytesView), let entry = users.find(key) else {
            return door.refuse("unknown user", buffer)
        }
        guard let lineStart = rest.readInteger(as: UInt8.self) else { return door.waitOrFallBack(buffer) }
        guard lineStart == Trojan.lineEnd.first else { return door.refuse("bad header", buffer) }
        guard rest.readInteger(as: UInt8.self) != nil else { return door.waitOrFallBack(buffer) }
        guard let command = rest.readInteger(as: UInt8.self) else { return .needMore }
        do {
            guard let (address, port) = try AddressForm.portLast.read(&rest),
                rest.readInteger(as: UInt16.self) != nil
            else { return .needMore }
            let network: Network = command == Trojan.udpAssociate ? .udp : .tcp
            let target = Destination(network: network, address: address, port: port)
            buffer = rest
            if network == .udp {
                return .packets(PacketRequest(target: target, user: entry.user, codec: TrojanPacketCodec()))
            }
            return .stream(StreamRequest(target: target, user: entry.user))
        } catch {
            return .reject(HandshakeRejection("bad address"))
        }
    }
}
