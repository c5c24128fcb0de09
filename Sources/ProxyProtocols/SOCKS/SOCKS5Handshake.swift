// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Speaks the server's side of SOCKS 5: method negotiation, user and password (RFC 1929), CONNECT and UDP ASSOCIATE.
///
/// CONNECT is granted before the target is dialled; a target that cannot be reached just closes.
package struct SOCKS5Handshake: StreamHandshake {
    private enum State {
        case methods
        case password
        case request
        case granted(StreamRequest)
    }

    private let settings: SOCKSSettings
    private let local: Endpoint
    private var state = State.methods
    private var user: ProxyUser?

    package init(settings: SOCKSSettings, local: Endpoint) {
        self.settings = settings
        self.local = local
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> HandshakeStep {
        switch state {
        case .methods: return chooseMethod(&buffer)
        case .password: return checkPassword(&buffer)
        case .request: return readRequest(&buffer)
        case .granted(let request): return .stream(request)
        }
    }

    private mutating func chooseMethod(_ buffer: inout ByteBuffer) -> HandshakeStep {
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self) else { return .needMore }
        guard version == SOCKS.version5 else { return .reject(HandshakeRejection("unknown version")) }
        guard let count = rest.readInteger(as: UInt8.self), let methods = rest.readSlice(length: Int(count)) else {
            return .needMore
        }
        let wanted = settings.users == nil ? SOCKS.noAuthentication : SOCKS.userPassword
        guard methods.readableBytesView.contains(wanted) else {
            let reply = ByteBuffer(bytes: [SOCKS.version5, SOCKS.noAcceptableMethod])
            return .reject(HandshakeRejection("no acceptable method", reply: reply))
        }
        buffer = rest
        state = settings.users == nil ? .request : .password
        return .reply(ByteBuffer(bytes: [SOCKS.version5, wanted]))
    }

    /// The sub-negotiation's version byte is not looked at.
    private mutating func checkPassword(_ buffer: inout ByteBuffer) -> HandshakeStep {
        var rest = buffer
        guard rest.readInteger(as: UInt8.self) != nil,
            let nameLength = rest.readInteger(as: UInt8.self), let name = rest.readString(length: Int(nameLength)),
            let passwordLength = rest.readInteger(as: UInt8.self),
            let password = rest.readSlice(length: Int(passwordLength))
        else { return .needMore }
        guard let user = settings.users?.user(name: name, password: password.readableBytesView) else {
            return .reject(HandshakeRejection("wrong password", reply: ByteBuffer(bytes: [1, 0xff])))
        }
        buffer = rest
        self.user = user
        state = .request
        return .reply(ByteBuffer(bytes: [1, 0]))
    }

    private mutating func readRequest(_ buffer: inout ByteBuffer) -> HandshakeStep {
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self) else { return .needMore }
        guard version == SOCKS.version5 else { return .reject(HandshakeRejection("unknown version")) }
        guard let command = rest.readInteger(as: UInt8.self) else { return .needMore }
        let isConnect = [SOCKS.connect, SOCKS.torResolve, SOCKS.torResolvePTR].contains(command)
        guard isConnect || (command == SOCKS.udpAssociate && settings.servesDatagrams) else {
            return .reject(HandshakeRejection("unknown command", reply: SOCKS.reply(SOCKS.commandNotSupported)))
        }
        guard rest.readInteger(as: UInt8.self) != nil else { return .needMore }
        do {
            guard let (address, port) = try AddressForm.portLast.read(&rest) else { return .needMore }
            buffer = rest
            guard isConnect else { return .associate(association()) }
            let target = Destination(network: .tcp, address: address, port: port)
            state = .granted(StreamRequest(target: target, user: user))
            return .reply(SOCKS.reply(SOCKS.succeeded, address: .ip(local.ip), port: local.port))
        } catch {
            return .reject(HandshakeRejection("bad address", reply: SOCKS.reply(SOCKS.addressNotSupported)))
        }
    }

    private func association() -> AssociateRequest {
        let announced = settings.announced
        return AssociateRequest(
            user: user, announcedAddress: announced?.ip, codec: SOCKSDatagramCodec(),
            failure: SOCKS.reply(SOCKS.commandNotSupported),
            reply: { bound in
                SOCKS.reply(SOCKS.succeeded, address: announced ?? .ip(bound.ip), port: bound.port)
            })
    }
}
