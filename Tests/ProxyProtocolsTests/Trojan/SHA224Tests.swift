// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import ProxyProtocols

struct SHA224Tests {
    /// FIPS 180-4's examples, the empty message, and messages around the length of a block.
    @Test(arguments: [
        ("", "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"),
        ("abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525"
        ),
        ("trojan-password-1", "3832b05d4922849ad2b640ecc4289ab24ed1a304ec7215ea97999a20"),
    ])
    func knownAnswers(message: String, digest: String) {
        #expect(hex(ByteBuffer(bytes: SHA224.hash(message.utf8))) == digest)
    }

    @Test(arguments: [
        (55, "fb0bd626a70c28541dfa781bb5cc4d7d7f56622a58f01a0b1ddd646f"),
        (56, "d40854fc9caf172067136f2e29e1380b14626bf6f0dd06779f820dcd"),
        (63, "1d4e051f4d6fed2a63fd2421e65834cec00d64456553de3496ae8b1d"),
        (64, "a88cd5cde6d6fe9136a4e58b49167461ea95d388ca2bdb7afdc3cbf4"),
        (119, "e000e6709d26667b631faa7fc1bd404eb4774003c5fb4f51a0184875"),
        (120, "66924e30a9929327e7a6cf03747397226ed2efc180ebe3dea7132a79"),
    ])
    func lengthsAroundABlock(count: Int, digest: String) {
        #expect(hex(ByteBuffer(bytes: SHA224.hash(repeatElement(0x61, count: count)))) == digest)
    }
}
