// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import Testing

@testable import ProxyProtocols

struct AEADCipherTests {
    private static let sequence = (0..<32).map { UInt8($0) }

    /// McGrew and Viega's GCM test case 4, RFC 8439 section 2.8.2, and draft-irtf-cfrg-xchacha appendix A.3.1.
    @Test(arguments: [
        (
            AEADCipher.Algorithm.aesGCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            """
            d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0d
            e657ba637b39
            """,
            """
            42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0a
            ac973d58e091 5bc94fbc3221a5db94fae95ae7121a47
            """
        ),
        (
            .chaChaPoly, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
            "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
            """
            4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f
            6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c6420
            62652069742e
            """,
            """
            d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e06
            0b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d265
            86cec64b6116 1ae10b594f09e26a7e902ecbd0600691
            """
        ),
        (
            .xChaChaPoly, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
            "404142434445464748494a4b4c4d4e4f5051525354555657", "50515253c0c1c2c3c4c5c6c7",
            """
            4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f
            6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c6420
            62652069742e
            """,
            """
            bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54
            c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f6
            15c68b13b52e c0875924c1c7987947deafd8780acf49
            """
        ),
    ])
    func knownAnswers(
        algorithm: AEADCipher.Algorithm, key: String, nonce: String, extra: String, plain: String, sealed: String
    ) throws {
        let cipher = AEADCipher(algorithm, key: bytes(key))
        let nonce = AEADNonce(bytes(nonce))
        var written = buffer("ff")
        try cipher.seal(buffer(plain), nonce: nonce, authenticating: bytes(extra), into: &written)
        #expect(written.readInteger(as: UInt8.self) == 0xff, "what was there stays")
        #expect(written == buffer(sealed))
        #expect(try cipher.open(written, nonce: nonce, authenticating: bytes(extra)) == buffer(plain))
        #expect(throws: ProtocolError.self) { try cipher.open(written, nonce: nonce) }
        #expect(throws: ProtocolError.self) {
            try cipher.open(written, nonce: AEADNonce(), authenticating: bytes(extra))
        }
    }

    @Test func everyDamagedOrShortenedByteIsFound() throws {
        let cipher = AEADCipher(.aesGCM, key: Array(Self.sequence.prefix(16)))
        var sealed = ByteBuffer()
        try cipher.seal(ByteBuffer(string: "payload"), nonce: AEADNonce(), into: &sealed)
        for index in 0..<sealed.readableBytes {
            var damaged = Array(sealed.readableBytesView)
            damaged[index] ^= 0x80
            #expect(throws: ProtocolError.self) { try cipher.open(ByteBuffer(bytes: damaged), nonce: AEADNonce()) }
            let short = ByteBuffer(bytes: damaged.prefix(index))
            #expect(throws: ProtocolError.self) { try cipher.open(short, nonce: AEADNonce()) }
        }
    }

    @Test func anEmptyPayloadIsATag() throws {
        let cipher = AEADCipher(.chaChaPoly, key: Self.sequence)
        var sealed = ByteBuffer()
        try cipher.seal(ByteBuffer(), nonce: AEADNonce(), into: &sealed)
        #expect(sealed.readableBytes == AEADCipher.tagLength)
        #expect(try cipher.open(sealed, nonce: AEADNonce()).readableBytes == 0)
    }

    @Test(arguments: [AEADCipher.Algorithm.aesGCM, .chaChaPoly, .xChaChaPoly])
    func aKeyOfAWrongLengthSealsNothing(algorithm: AEADCipher.Algorithm) {
        let cipher = AEADCipher(algorithm, key: [1, 2, 3])
        var sealed = ByteBuffer()
        #expect(throws: ProtocolError.self) {
            try cipher.seal(ByteBuffer(string: "x"), nonce: AEADNonce(), into: &sealed)
        }
        #expect(sealed.readableBytes == 0)
        #expect(throws: ProtocolError.self) { try cipher.open(ByteBuffer(repeating: 0, count: 20), nonce: AEADNonce()) }
    }

    @Test func noncesAreTheBytesOfTheWire() {
        func text(_ nonce: AEADNonce) -> String {
            nonce.withBytes { hex(ByteBuffer(bytes: UnsafeBufferPointer(start: $0, count: 12))) }
        }
        #expect(text(AEADNonce(littleEndian: 0x0102_0304)) == "040302010000000000000000")
        #expect(text(AEADNonce(Self.sequence).with(bigEndian: 0xabcd)) == "abcd02030405060708090a0b")
    }
}
