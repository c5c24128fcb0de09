// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct VMessPrimitivesTests {
    private func text(_ bytes: [UInt8]) -> String { hex(ByteBuffer(bytes: bytes)) }

    @Test func theCommandKeyOfAUser() throws {
        let id = try #require(UserID("b831381d-6324-4d53-ad4f-8cda48b30811"))
        #expect(text(VMessKeys.command(id)) == "b50d916ac0cec067981af8e5f38a758f")
    }

    @Test func derivedKeys() {
        let key = bytes("b50d916ac0cec067981af8e5f38a758f")
        #expect(
            text(VMessKeys.derive(key, "AES Auth ID Encryption"))
                == "1415ba74ca8b3d041a8f583fb4116315c589ae7b6e81765b601aa166c62871f7")
        #expect(
            text(
                VMessKeys.derive(
                    key, "VMess Header AEAD Key", bytes("000102030405060708090a0b0c0d0e0f"), bytes("0001020304050607")))
                == "90e3f2f5d3ceea8286168b4560dde3bcd97cf05887c775ca6aef8444a00c6646")
        #expect(
            text(VMessKeys.derive(Array("k".utf8), []))
                == "e91da886d57b8f3c65fb8d90fc6c0efc6eeb7c7e8aedda14be1c57aabb261bdb")
        let path = ["", "2", "3"].map { Array("Demo Path for KDF Value Test\($0)".utf8) }
        #expect(
            text(VMessKeys.derive(Array("Demo Key for KDF Value Test".utf8), path))
                == "53e9d7e1bd7bd25022b71ead07d8a596efc8a845c7888652fd684b4903dc8892")
    }

    /// A key that is longer than a block is hashed first, as in any HMAC.
    @Test func longElementsAreHashedFirst() {
        let long = [UInt8](repeating: 7, count: 65)
        #expect(
            VMessKeys.derive([1], [[2], long]) == VMessKeys.derive([1], [[2], VMessKeys.derive(long, [[2]])]))
    }

    @Test func theChaChaKey() {
        #expect(
            text(VMessKeys.chaCha(bytes("000102030405060708090a0b0c0d0e0f")))
                == "1ac1ef01e96caf1be0d329331a4fc2a8e0542db5418c43d256a6a643afa553fe")
    }

    @Test func checksums() {
        #expect(CRC32.checksum("123456789".utf8) == 0xcbf4_3926)
        #expect(FNV1a.hash([]) == 0x811c_9dc5)
        #expect(FNV1a.hash("a".utf8) == 0xe40c_292c)
        #expect(FNV1a.hash("foobar".utf8) == 0xbf9c_f968)
    }

    @Test func theMaskStream() {
        let mask = SHAKE128(bytes("000102030405060708090a0b0c0d0e0f"))
        let expected: [UInt16] = [
            0x9848, 0x1946, 0xde85, 0xc670, 0xa7a8, 0x4432, 0xab40, 0x91a8, 0x1ec7, 0xa312, 0x6d0f, 0x60d3, 0x3a58,
            0x9bd8, 0x2714, 0xfbcf,
        ]
        #expect(expected.map { _ in mask.next() } == expected)
    }

    /// Positions 1000 and on, behind several blocks of the sponge.
    @Test func theMaskStreamGoesOnBehindABlock() {
        let mask = SHAKE128(bytes("000102030405060708090a0b0c0d0e0f"))
        for _ in 0..<500 { _ = mask.next() }
        #expect([mask.next(), mask.next()] == [0x9133, 0xee08])
    }

    /// FIPS 197 appendices C.1 and C.3, and the identifier of a request.
    @Test(arguments: [
        ("000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a", "00112233445566778899aabbccddeeff"),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "8ea2b7ca516745bfeafc49904b496089",
            "00112233445566778899aabbccddeeff"
        ),
        ("1415ba74ca8b3d041a8f583fb4116315", "7997d3314952dc37e0b284331b6bb2e7", "000000006553f100deadbeef72f52d60"),
    ])
    func aesBlocks(key: String, block: String, plain: String) {
        let aes = AESBlock(key: bytes(key))
        let (block, plain) = (AESBlock.Block(bytes(block)), AESBlock.Block(bytes(plain)))
        #expect(aes.decrypt(block) == plain)
        #expect(aes.encrypt(plain) == block)
        #expect(AESBlock.Block(block.bytes) == block)
    }

    @Test func aListOfKeysFindsTheOneOfABlock() throws {
        let keys = (0..<5).map { [UInt8](repeating: $0, count: 16) }
        var list = AESKeyList()
        for key in keys { list.append(key) }
        let plain = AESBlock.Block(high: 7, low: 8)
        func find(_ key: [UInt8]) -> Int? { list.find(AESBlock(key: key).encrypt(plain)) { $0 == plain }?.index }
        func find(_ key: [UInt8], among candidates: [Int]) -> Int? {
            list.find(AESBlock(key: key).encrypt(plain), among: candidates) { $0 == plain }?.index
        }
        #expect(keys.map { find($0) } == [0, 1, 2, 3, 4])
        // Wrong ones, and one behind the end.
        #expect(find(keys[3], among: [1, 99, 3]) == 3 && find(keys[3], among: [1, 99, -1]) == nil)
        list.swapRemove(at: 1)
        #expect(keys.map { find($0) } == [0, nil, 2, 3, 1])
        list.swapRemove(at: 3)
        list.swapRemove(at: 17)
        #expect(keys.map { find($0) } == [0, nil, 2, nil, 1])
    }

    @Test func theChecksumOfAnIdentifier() {
        #expect(CRC32.checksum(high: 0x0000_0000_6553_f100, low: 0xdead_beef_72f5_2d60) == 0x72f5_2d60)
    }
}
