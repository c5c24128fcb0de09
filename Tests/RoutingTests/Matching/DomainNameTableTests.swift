// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Routing

struct DomainNameTableTests {
    private func table(full: [String] = [], suffix: [String] = []) -> DomainNameTable {
        var table = DomainNameTable()
        for name in full { table.insert(Array(name.utf8), .full) }
        for name in suffix { table.insert(Array(name.utf8), [.full, .suffix]) }
        return table
    }

    @Test(arguments: [
        ("alice.test", true), ("a.alice.test", false), ("bob.test", true), ("www.bob.test", true),
        ("a.b.bob.test", true), ("notbob.test", false), ("test", false), ("bob.test.", false), (".bob.test", true),
    ])
    func suffixesBeginAtALabel(_ domain: String, _ expected: Bool) {
        #expect(table(full: ["alice.test"], suffix: ["bob.test"]).matches(DomainName(domain)) == expected)
    }

    @Test
    func aNameMayBeBothFullAndSuffix() {
        #expect(table(full: ["a.test"], suffix: ["a.test"]).matches(DomainName("x.a.test")))
        #expect(table(full: ["a.test", "a.test"]).matches(DomainName("a.test")))
    }

    @Test
    func emptyTableMatchesNothing() {
        #expect(!DomainNameTable().matches(DomainName("a.test")))
        #expect(!DomainNameTable().matches(DomainName("")))
    }

    @Test
    func findsEachOfManyNames() {
        let table = table(suffix: (0..<5000).map { "host\($0).example" })
        for index in stride(from: 0, to: 5000, by: 7) {
            #expect(table.matches(DomainName("www.host\(index).example")))
            #expect(!table.matches(DomainName("www.host\(index)x.example")))
        }
    }
}
