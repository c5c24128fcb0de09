// SPDX-License-Identifier: Apache-2.0
package import NIOCore

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
        let key = VMessKeys.response(request.key)
        let iv = VMessKeys.response(request.iv)
        func seal(_ plain: [UInt8], _ part: String, into buffer: inout ByteBuffer) throws(ProtocolError) {
            let label = "AEAD Resp Header"
            let cipher = AEADCipher(.aesGCM, key: Array(VMessKeys.derive(key, "\(label)\(part) Key").prefix(16)))
            let nonce = Array(VMessKeys.derive(iv, "\(label)\(part) IV").prefix(12))
            try cipher.seal(ByteBuffer(bytes: plain), nonce: nonce, into: &buffer)
        }
        var buffer = ByteBuffer()
        try seal([0, 4], " Len", into: &buffer)
        try seal([request.check, 0, 0, 0], "", into: &buffer)
        return buffer
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
