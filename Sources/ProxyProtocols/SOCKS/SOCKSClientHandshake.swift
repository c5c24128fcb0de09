// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// Speaks the client's side of SOCKS 5: offers one method, and asks for one connection, or for a port for datagrams
/// (RFC 1928, RFC 1929).
package struct SOCKSClientHandshake: AssociateHandshake {
    package struct Account: Sendable {
        /// Each of at most 255 bytes.
        let username: String
        let password: String

        package init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    private enum State { case start, method, password, reply, done }

    /// Nil where a port for datagrams is asked for.
    private let target: Destination?
    private let account: Account?
    private var state = State.start
    package private(set) var relay: Destination?

    package init(target: Destination, account: Account?) {
        self.target = target
        self.account = account
    }

    /// Asks for UDP ASSOCIATE, without telling from which address the datagrams will come.
    package init(associateWith account: Account?) {
        target = nil
        self.account = account
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> ClientHandshakeStep {
        switch state {
        case .start:
            state = .method
            let method = account == nil ? SOCKS.noAuthentication : SOCKS.userPassword
            return .send(ByteBuffer(bytes: [SOCKS.version5, 1, method]))
        case .method: return readMethod(&buffer)
        case .password: return readVerdict(&buffer)
        case .reply: return readReply(&buffer)
        case .done: return .done
        }
    }

    private mutating func readMethod(_ buffer: inout ByteBuffer) -> ClientHandshakeStep {
        guard buffer.readableBytes >= 2,
            let version = buffer.readInteger(as: UInt8.self), let method = buffer.readInteger(as: UInt8.self)
        else { return .needMore }
        guard version == SOCKS.version5 else { return .fail("the server does not speak SOCKS5") }
        switch (method, account) {
        case (SOCKS.noAuthentication, nil):
            return request()
        case (SOCKS.userPassword, let account?):
            state = .password
            var bytes = ByteBuffer(bytes: [1, UInt8(truncatingIfNeeded: account.username.utf8.count)])
            bytes.writeString(account.username)
            bytes.writeInteger(UInt8(truncatingIfNeeded: account.password.utf8.count))
            bytes.writeString(account.password)
            return .send(bytes)
        default:
            return .fail("the server accepts no method of ours")
        }
    }

    private mutating func readVerdict(_ buffer: inout ByteBuffer) -> ClientHandshakeStep {
        guard buffer.readableBytes >= 2, buffer.readInteger(as: UInt8.self) != nil,
            let verdict = buffer.readInteger(as: UInt8.self)
        else { return .needMore }
        guard verdict == 0 else { return .fail("the server rejects the password") }
        return request()
    }

    private mutating func request() -> ClientHandshakeStep {
        var bytes = ByteBuffer(bytes: [SOCKS.version5, target == nil ? SOCKS.udpAssociate : SOCKS.connect, 0])
        let address = target?.address ?? .ip(.anyV4)
        guard AddressForm.portLast.write(address, port: target?.port ?? 0, to: &bytes) else {
            return .fail("the domain is too long")
        }
        state = .reply
        return .send(bytes)
    }

    private mutating func readReply(_ buffer: inout ByteBuffer) -> ClientHandshakeStep {
        var rest = buffer
        guard let version = rest.readInteger(as: UInt8.self), let code = rest.readInteger(as: UInt8.self) else {
            return .needMore
        }
        guard version == SOCKS.version5 else { return .fail("the server does not speak SOCKS5") }
        guard code == SOCKS.succeeded else { return .fail("the server refuses with code \(code)") }
        guard rest.readInteger(as: UInt8.self) != nil else { return .needMore }
        do {
            guard let (address, port) = try AddressForm.portLast.read(&rest) else { return .needMore }
            relay = Destination(network: .udp, address: address, port: port)
        } catch {
            return .fail("the server's reply has a bad address")
        }
        buffer = rest
        state = .done
        return .done
    }
}
