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
        #expect(table(full: ["alice.test"], suffix: ["bob.test"]).matches(Array(domain.utf8)) == expected)
    }

    @Test
    func aNameMayBeBothFullAndSuffix() {
        #expect(table(full: ["a.test"], suffix: ["a.test"]).matches(Array("x.a.test".utf8)))
        #expect(table(full: ["a.test", "a.test"]).matches(Array("a.test".utf8)))
    }

    @Test
    func emptyTableMatchesNothing() {
        #expect(!DomainNameTable().matches(Array("a.test".utf8)))
        #expect(!DomainNameTable().matches([]))
    }

    @Test
    func findsEachOfManyNames() {
        let table = table(suffix: (0..<5000).map { "host\($0).example" })
        for index in stride(from: 0, to: 5000, by: 7) {
            #expect(table.matches(Array("www.host\(index).example".utf8)))
            #expect(!table.matches(Array("www.host\(index)x.example".utf8)))
        }
    }
}
