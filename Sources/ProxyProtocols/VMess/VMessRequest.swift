// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore
package import ProxyModel

/// The decrypted header of a VMess request.
package struct VMessRequest: Sendable {
    package enum Command: UInt8, Sendable {
        case tcp = 1
        case udp = 2
        case mux = 3
    }

    package struct Options: OptionSet, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// The body ends with an empty chunk.
        package static let chunkStream = Options(rawValue: 0x01)
        package static let chunkMasking = Options(rawValue: 0x04)
        package static let globalPadding = Options(rawValue: 0x08)
        package static let authenticatedLength = Options(rawValue: 0x10)
    }

    /// The numbers on the wire; others are not served.
    package enum Security: UInt8, Sendable {
        case aes128GCM = 3
        case chaCha20Poly1305 = 4
    }

    package let iv: [UInt8]
    package let key: [UInt8]
    /// What the response must begin with.
    package let check: UInt8
    package let options: Options
    /// Nil for one that is not served.
    package let security: Security?
    /// Nil for one that does not exist.
    package let command: Command?
    /// Absent for mux and unknown commands.
    package let target: Destination?

    package init(
        iv: [UInt8], key: [UInt8], check: UInt8, options: Options, security: Security, target: Destination
    ) {
        self.iv = iv
        self.key = key
        self.check = check
        self.options = options
        self.security = security
        command = target.isMuxRequest ? .mux : target.network == .udp ? .udp : .tcp
        self.target = target.isMuxRequest ? nil : target
    }

    /// Reads a header. Throws for one that is cut off, has a wrong checksum or an address that cannot be.
    package init(_ header: ByteBuffer) throws(ProtocolError) {
        let cutOff = ProtocolError(.malformed, "header is cut off")
        var rest = header
        guard rest.readInteger(as: UInt8.self) != nil, let iv = rest.readBytes(length: 16),
            let key = rest.readBytes(length: 16), let check = rest.readInteger(as: UInt8.self),
            let options = rest.readInteger(as: UInt8.self), let mixed = rest.readInteger(as: UInt8.self),
            rest.readInteger(as: UInt8.self) != nil, let command = rest.readInteger(as: UInt8.self)
        else { throw cutOff }
        self.iv = iv
        self.key = key
        self.check = check
        self.options = Options(rawValue: options)
        self.security = Security(rawValue: mixed & 0x0f)
        self.command = Command(rawValue: command)
        switch self.command {
        case .tcp, .udp:
            guard let (address, port) = try AddressForm.portFirst.read(&rest) else { throw cutOff }
            target = Destination(network: self.command == .udp ? .udp : .tcp, address: address, port: port)
        case .mux, nil: target = nil
        }
        guard rest.readSlice(length: Int(mixed >> 4)) != nil else { throw cutOff }
        let covered = header.readableBytesView.prefix(header.readableBytes - rest.readableBytes)
        guard let checksum = rest.readInteger(as: UInt32.self) else { throw cutOff }
        guard checksum == FNV1a.hash(covered) else { throw ProtocolError(.malformed, "wrong checksum") }
    }
}
