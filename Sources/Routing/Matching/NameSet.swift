// SPDX-License-Identifier: Apache-2.0

/// Names to be compared exactly. A few are compared one by one, which is faster than to hash; many are looked up by hash.
struct NameSet: Sendable {
    private let few: [String]
    private let many: Set<String>

    init(_ names: some Sequence<String>) {
        let names = Set(names)
        few = names.count <= 6 ? Array(names) : []
        many = names.count <= 6 ? [] : names
    }

    func contains(_ name: String) -> Bool {
        for candidate in few where candidate == name { return true }
        return !many.isEmpty && many.contains(name)
    }
}
