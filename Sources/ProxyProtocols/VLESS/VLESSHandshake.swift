// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
import ProxyModel
import SwiftProtobuf
import XrayProtos

/// Reads a VLESS request header (version 0, no encryption) in any number of pieces.
///
/// A connection is refused at the first byte that cannot belong to a known user's request, without an answer. With
/// fallbacks it is theirs instead, and the first read decides: clients send their header in one piece.
package struct VLESSHandshake: StreamHandshake {
    private let users: VLESSUsers
    private let door: FallbackDoor

    package init(users: VLESSUsers, door: FallbackDoor) {
        self.users = users
        self.door = door
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self) else { return .needMore }
        guard version == 0 else { return door.refuse("unknown version", buffer) }
        guard let idBytes = rest.readSlice(length: 16) else { return door.waitOrFallBack(buffer) }
        guard let id = UserID(bytes: idBytes.readableBytesView), let entry = users.find(id.withoutRoute) else {
            return door.refuse("unknown user", buffer)
        }
        guard rest.readableBytes > 0 else { return door.waitOrFallBack(buffer) }
        guard let addonsLength = rest.readInteger(as: UInt8.self) else { return .needMore }
        guard let addonBytes = rest.readSlice(length: Int(addonsLength)) else { return .needMore }
        guard let flow = Self.flow(addonBytes) else { return .reject(HandshakeRejection("bad addons")) }
        guard let commandByte = rest.readInteger(as: UInt8.self) else { return .needMore }
        guard let command = VLESS.Command(rawValue: commandByte) else {
            return .reject(HandshakeRejection("unknown command"))
        }
        if let reason = objection(to: flow, command: command, of: entry.credential) {
            return .reject(HandshakeRejection(reason))
        }
        let isBareMux = flow.isEmpty && command == .mux && entry.credential.wantsVision
        if isBareMux {
            // Datagrams of one source need no flow; the first frame tells that it is they.
            guard rest.readableBytes >= Self.frameStart else { return .needMore }
            guard Self.beginsWithXUDP(rest) else { return .reject(HandshakeRejection("flow required")) }
        }
        let codec = flow.isEmpty ? nil : VisionCodec(id: id, isClient: false)
        guard command != .mux else {
            buffer = rest
            return Self.request(
                target: .mux, user: entry.user, route: id.route, codec: codec,
                carriesDatagramsOnly: entry.credential.wantsVision)
        }
        do {
            guard let (address, port) = try AddressForm.portFirst.read(&rest) else { return .needMore }
            let target = Destination(network: command == .udp ? .udp : .tcp, address: address, port: port)
            buffer = rest
            return Self.request(target: target, user: entry.user, route: id.route, codec: codec)
        } catch {
            return .reject(HandshakeRejection("bad address"))
        }
    }

    /// The flow that the addons name, or nil when they are no message.
    private static func flow(_ addons: ByteBuffer) -> String? {
        guard addons.readableBytes > 0 else { return "" }
        let message = try? Xray_Proxy_Vless_Encoding_Addons(serializedBytes: Array(addons.readableBytesView))
        return message?.flow
    }

    /// Why a request is refused for its flow or command, before its address is read; nil = it is not.
    private func objection(to flow: String, command: VLESS.Command, of credential: VLESSCredential) -> String? {
        guard command != .reverse else { return "reverse not available" }
        switch flow {
        case "":
            return credential.wantsVision && command == .tcp ? "flow required" : nil
        case VLESS.visionFlow where !credential.wantsVision:
            return "flow not allowed"
        case VLESS.visionFlow where command == .udp:
            return "flow does not carry datagrams"
        case VLESS.visionFlow:
            return door.connection.allowsDirectCopy ? nil : "flow needs TLS 1.3"
        default:
            return "unknown flow"
        }
    }

    /// Bytes of a mux frame up to the network of its target.
    private static let frameStart = 7

    /// A frame of the session 0 whose target is one for datagrams.
    private static func beginsWithXUDP(_ frame: ByteBuffer) -> Bool {
        let start = frame.readerIndex
        return frame.getInteger(at: start + 2, as: UInt16.self) == 0
            && frame.getInteger(at: start + 6, as: UInt8.self) == 2
    }

    private static func request(
        target: Destination, user: ProxyUser, route: UInt16, codec: VisionCodec?, carriesDatagramsOnly: Bool = false
    ) -> HandshakeStep {
        switch target.network {
        case .udp:
            var request = PacketRequest(
                target: target, user: user, responseHeader: VLESS.responseHeader, codec: LengthPacketCodec())
            request.vlessRoute = route
            return .packets(request)
        default:
            var request = StreamRequest(
                target: target, user: user, responseHeader: VLESS.responseHeader, codec: codec, vlessRoute: route)
            request.carriesDatagramsOnly = carriesDatagramsOnly
            return .stream(request)
        }
    }
}
