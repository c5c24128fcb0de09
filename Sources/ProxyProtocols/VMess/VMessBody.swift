// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyCore

/// The keys of a VMess connection's two directions, as its request gives them.
package struct VMessBody: Sendable {
    private let request: VMessRequest
    private let algorithm: AEADCipher.Algorithm

    /// Nil for a request whose security is not served, or whose options do not go together.
    package init?(_ request: VMessRequest) {
        switch request.security {
        case .aes128GCM: algorithm = .aesGCM
        case .chaCha20Poly1305: algorithm = .chaChaPoly
        case nil: return nil
        }
        guard !request.options.contains(.globalPadding) || request.options.contains(.chunkMasking) else { return nil }
        self.request = request
    }

    package var marksEnd: Bool { request.options.contains(.chunkStream) }

    /// The chunks that come from the client.
    package var uplink: VMessChunks { chunks(key: request.key, iv: request.iv) }

    /// The chunks that go to the client.
    package var downlink: VMessChunks {
        chunks(key: VMessKeys.response(request.key), iv: VMessKeys.response(request.iv))
    }

    /// What goes to the client in front of the chunks.
    package func responseHeader() throws(ProtocolError) -> ByteBuffer {
        var buffer = ByteBuffer()
        for (plain, part) in [([0, 4], " Len"), ([request.check, 0, 0, 0], "")] {
            let (cipher, nonce) = responseCipher(part)
            try cipher.seal(ByteBuffer(bytes: plain as [UInt8]), nonce: nonce, into: &buffer)
        }
        return buffer
    }

    /// Reads what a server sends in front of its chunks; false = not complete yet, the buffer is then as it was.
    package func readResponseHeader(_ buffer: inout ByteBuffer) throws(ProtocolError) -> Bool {
        var rest = buffer
        guard let sealedLength = rest.readSlice(length: 2 + AEADCipher.tagLength) else { return false }
        let (lengthCipher, lengthNonce) = responseCipher(" Len")
        let length = try lengthCipher.open(sealedLength, nonce: lengthNonce)
        let count = Int(length.getInteger(at: length.readerIndex, as: UInt16.self) ?? 0)
        guard let sealed = rest.readSlice(length: count + AEADCipher.tagLength) else { return false }
        let (cipher, nonce) = responseCipher("")
        let header = try cipher.open(sealed, nonce: nonce)
        // Behind the check byte stand options and commands, of which none means anything to a client of today.
        guard header.readableBytes >= 4, header.getInteger(at: header.readerIndex) == request.check else {
            throw ProtocolError(.malformed, "VMess response to another request")
        }
        buffer = rest
        return true
    }

    private func responseCipher(_ part: String) -> (cipher: AEADCipher, nonce: AEADNonce) {
        let label = "AEAD Resp Header"
        let key = VMessKeys.derive(VMessKeys.response(request.key), "\(label)\(part) Key")
        let nonce = VMessKeys.derive(VMessKeys.response(request.iv), "\(label)\(part) IV")
        return (AEADCipher(.aesGCM, key: Array(key.prefix(16))), AEADNonce(nonce.prefix(12)))
    }

    private func chunks(key: [UInt8], iv: [UInt8]) -> VMessChunks {
        let options = request.options
        return VMessChunks(
            cipher: cipher(key), iv: iv,
            // Both directions authenticate their lengths with the request's key and IV.
            lengthCipher: options.contains(.authenticatedLength)
                ? cipher(Array(VMessKeys.derive(request.key, "auth_len").prefix(16))) : nil,
            lengthIV: request.iv, masks: options.contains(.chunkMasking),
            pads: options.contains(.globalPadding))
    }

    private func cipher(_ key: [UInt8]) -> AEADCipher {
        AEADCipher(algorithm, key: algorithm == .aesGCM ? key : VMessKeys.chaCha(key))
    }
}
