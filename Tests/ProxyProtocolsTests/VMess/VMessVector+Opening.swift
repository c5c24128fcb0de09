// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

extension VMessVector {
    /// The vector's request, what its client drew at random, and the bytes in front of the chunks.
    struct Opened {
        var request: VMessRequest
        var randomness: VMessRequest.Randomness
        var sealed: ByteBuffer
        var chunks: ByteBuffer
    }

    static func owner() throws -> VMessUser {
        VMessUser(user: ProxyUser(email: "", level: 0), id: try #require(UserID(user)))
    }

    func opened() throws -> Opened {
        let user = try Self.owner()
        var input = buffer(clientToServer)
        let whole = input
        let prefix = (input.readBytes(length: 16), input.readSlice(length: 18), input.readBytes(length: 8))
        let identifier = try #require(prefix.0)
        let sealedLength = try #require(prefix.1)
        let nonce = try #require(prefix.2)
        let (lengthCipher, lengthNonce) = VMessKeys.header("_Length", user.commandKey, identifier, nonce)
        let length = try lengthCipher.open(sealedLength, nonce: lengthNonce, authenticating: identifier)
        let count = try Int(#require(length.getInteger(at: 0, as: UInt16.self)))
        let (cipher, iv) = VMessKeys.header("", user.commandKey, identifier, nonce)
        let sealedHeader = input.readSlice(length: count + 16)
        let header = try cipher.open(#require(sealedHeader), nonce: iv, authenticating: identifier)
        let plain = AESBlock(key: user.identifierKey).decrypt(AESBlock.Block(identifier))
        #expect(Int64(plain.high) == time)
        let padding = try Int(#require(header.getInteger(at: 35, as: UInt8.self)) >> 4)
        return Opened(
            request: try VMessRequest(header),
            randomness: .init(
                identifier: UInt32(plain.low >> 32), nonce: nonce,
                padding: try #require(header.getBytes(at: header.readableBytes - 4 - padding, length: padding))),
            sealed: try #require(whole.getSlice(at: 0, length: 42 + count + 16)), chunks: input)
    }
}
