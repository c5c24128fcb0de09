// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import ProxyCore
package import ProxyModel

/// The keys of a client: those of the servers on the way, which only name the next one, and the user's own.
package struct Shadowsocks2022Keys: Sendable {
    package let method: Shadowsocks2022Method
    package let identities: [[UInt8]]
    package let user: [UInt8]

    package init(method: Shadowsocks2022Method, identities: [[UInt8]], user: [UInt8]) {
        self.method = method
        self.identities = identities
        self.user = user
    }

    /// Each key but the last, with the name of the next one.
    var steps: [(key: [UInt8], next: AESBlock.Block)] {
        let following = identities.dropFirst() + [user]
        return zip(identities, following).map { ($0, Shadowsocks2022Method.name(ofKey: $1)) }
    }

    /// What a client sends in front of its payload, to be sent in one write, and the writer for what follows. Nil when the
    /// domain is longer than 255 bytes.
    ///
    /// - Parameters:
    ///   - padding: at least one byte where there is no payload.
    ///   - payload: goes into the request itself.
    package func request(
        target: Destination, salt: [UInt8], time: UInt64, padding: [UInt8], payload: ByteBuffer = ByteBuffer()
    ) -> (request: ByteBuffer, uplink: ShadowsocksChunks)? {
        var variable = ByteBuffer()
        guard AddressForm.portLast.write(target.address, port: target.port, to: &variable) else { return nil }
        variable.writeInteger(UInt16(clamping: padding.count))
        variable.writeBytes(padding)
        variable.writeImmutableBuffer(payload)
        guard let length = UInt16(exactly: variable.readableBytes) else { return nil }
        var fixed = ByteBuffer(bytes: [0])
        fixed.writeInteger(time)
        fixed.writeInteger(length)
        var request = ByteBuffer(bytes: salt)
        for step in steps {
            request.writeBytes(method.identity(key: step.key, salt: salt).encrypt(step.next).bytes)
        }
        let cipher = method.session(key: user, salt: salt)
        do {
            try cipher.seal(fixed, nonce: AEADNonce(littleEndian: 0), into: &request)
            try cipher.seal(variable, nonce: AEADNonce(littleEndian: 1), into: &request)
        } catch {
            return nil
        }
        return (request, ShadowsocksChunks(cipher: cipher, counter: 2))
    }
}
