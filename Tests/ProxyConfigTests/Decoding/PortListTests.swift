import ProxyConfig
import Testing
// SPDX-License-Identifier: Apache-2.0
import XrayProtos

struct PortListTests {
    private func ports(_ json: String, environment: [String: String] = [:]) throws -> [[UInt32]] {
        let node = try JSONDocument(text: json).root
        let list = try ConfigNode(node, context: DecodingContext(environment: environment)).portList()
        return list.range.map { [$0.from, $0.to] }
    }

    @Test func numbersAndTextsAreRead() throws {
        #expect(try ports("80") == [[80, 80]])
        #expect(try ports(#""80""#) == [[80, 80]])
        #expect(try ports(#""1-5, 9,""#) == [[1, 5], [9, 9]])
        #expect(try ports(#""5-1""#) == [[5, 1]])
    }

    @Test func zeroIsAnEmptyListAsANumberOnly() throws {
        #expect(try ports("0") == [])
        #expect(try ports(#""""#) == [])
        #expect(try ports(#""0""#) == [[0, 0]])
    }

    @Test func variablesAreLookedUpUnderBothNames() throws {
        #expect(try ports(#""env:my.port""#, environment: ["MY_PORT": "7-8"]) == [[7, 8]])
        #expect(try ports(#""1,env:p""#, environment: ["p": "9", "P": "10"]) == [[1, 1], [9, 9]])
        #expect(throws: ConfigurationError.self) { try ports(#""env:none""#) }
    }

    @Test(arguments: [
        "65536", "-1", "1.5", "1e2", "true", "[80]", #""x""#, #""1-2-3""#, #""-""#, #""1-""#, #""+1""#, #""65536""#,
        #""1 - 2""#,
        "99999999999999999999",
    ])
    func everythingElseIsRefused(json: String) {
        #expect(throws: ConfigurationError.self) { try ports(json) }
    }
}
