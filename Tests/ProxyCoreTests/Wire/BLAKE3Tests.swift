// SPDX-License-Identifier: Apache-2.0
import ProxyCore
import Testing

/// The vectors of the BLAKE3 team (test_vectors.json): 0, 1, … 250, 0, 1 … as input, one output for each mode.
struct BLAKE3Tests {
    private static let vectors: [(count: Int, hash: String, keyed: String, derived: String)] = [
        (
            0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
            "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"
        ),
        (
            1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
            "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
            "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"
        ),
        (
            1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
            "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
            "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5"
        ),
        (
            1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
            "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
            "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"
        ),
        (
            1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
            "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69",
            "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb"
        ),
        (
            2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
            "879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1",
            "7b2945cb4fef70885cc5d78a87bf6f6207dd901ff239201351ffac04e1088a23"
        ),
        (
            2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
            "9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5",
            "2ea477c5515cc3dd606512ee72bb3e0e758cfae7232826f35fb98ca1bcbdf273"
        ),
        (
            3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3",
            "68dede9bef00ba89e43f31a6825f4cf433389fedae75c04ee9f0cf16a427c95a",
            "72613c9ec9ff7e40f8f5c173784c532ad852e827dba2bf85b2ab4b76f7079081"
        ),
        (
            5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff",
            "6ccf1c34753e7a044db80798ecd0782a8f76f33563accaddbfbb2e0ea4b2d024",
            "b07f01e518e702f7ccb44a267e9e112d403a7b3f4883a47ffbed4b48339b3c34"
        ),
        (
            7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817",
            "ed9b1a922c046fdb3d423ae34e143b05ca1bf28b710432857bf738bcedbfa511",
            "554b0a5efea9ef183f2f9b931b7497995d9eb26f5c5c6dad2b97d62fc5ac31d9"
        ),
    ]

    @Test(arguments: vectors)
    func officialVectors(count: Int, hash: String, keyed: String, derived: String) {
        let input = (0..<count).map { UInt8($0 % 251) }
        #expect(BLAKE3.hash(input) == bytes(hash))
        #expect(BLAKE3.keyedHash(key: Array("whats the Elvish word for friend".utf8), input) == bytes(keyed))
        #expect(
            BLAKE3.KeyDerivation(context: "BLAKE3 2019-12-27 16:29:52 test vectors context").key(input)
                == bytes(derived))
    }

    @Test func outputOfAnyLength() {
        let long = """
            af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262e00f03e7b69af26b7faaf09fcd333050338d
            dfe085b8cc869ca98b206c08243a26f5487789e8f660afe6c99ef9e0c52b92e7393024a80459cf91f476f9ffdbda7001c22e
            159b402631f277ca96f2defdf1078282314e763699a31c5363165421cce14d
            """
        #expect(BLAKE3.hash([], count: 131) == bytes(long))
        #expect(BLAKE3.hash([], count: 7) == Array(bytes(long).prefix(7)))
        #expect(BLAKE3.hash([], count: 0) == [])
    }

    @Test func theKeyedHashOfAnXUDPSource() {
        let id = BLAKE3.keyedHash(key: (0..<32).map { UInt8($0) }, Array("udp:127.0.0.1:47852".utf8), count: 8)
        #expect(id == bytes("55be2657b89a71d9"))
    }

    private func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8.filter { $0 > 0x20 })
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }
}
