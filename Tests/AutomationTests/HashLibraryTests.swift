// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Automation

struct HashLibraryTests {
    @Test func digestsAreThoseOfTheStandards() async throws {
        // FIPS 180-4 and RFC 1321 for "abc"; RFC 4231, test case 2.
        let lines = try await ScriptBench().run(
            """
            log.info(hash.sha256("abc"))
            log.info(hash.sha512("abc"):sub(1, 32))
            log.info(hash.sha1("abc"))
            log.info(hash.md5("abc"))
            log.info(hash.hmac_sha256("Jefe", "what do ya want for nothing?"))
            log.info(#hash.sha256("", true), #uuid(), uuid() ~= uuid())
            """
        ).map { $0.replacing("[Info] script/chunk: ", with: "") }
        #expect(
            lines == [
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "ddaf35a193617abacc417349ae204131", "a9993e364706816aba3e25717850c26c9cd0d89d",
                "900150983cd24fb0d6963f7d28e17f72",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "32 36 true",
            ])
    }

    @Test func base64HasBothAlphabets() async throws {
        let lines = try await ScriptBench().run(
            #"""
            log.info(base64.encode("\255\254\253"), base64.encode("\255\254\253\252", true), base64.encode(""))
            log.info(base64.decode("//79") == "\255\254\253", base64.decode("__79_A") == "\255\254\253\252")
            log.info(select(2, pcall(base64.decode, "a")), select(2, pcall(base64.decode, "a!==")))
            """#
        ).map { $0.replacing("[Info] script/chunk: ", with: "") }
        #expect(lines[0] == "//79 __79_A ")
        #expect(lines[1] == "true true")
        #expect(lines[2].contains("(not base64)"))
    }
}
