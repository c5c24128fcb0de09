// SPDX-License-Identifier: Apache-2.0

/// Records that wait for the writer.
struct RunJournal {
    private var pending: [RunRecord] = []
    var lost = 0

    /// Whether the writer must be called: nothing was waiting.
    mutating func append(_ run: RunRecord) -> Bool {
        guard pending.count < 10_000 else {
            lost += 1
            return false
        }
        pending.append(run)
        return pending.count == 1
    }

    mutating func takeAll() -> [RunRecord] {
        defer { pending = [] }
        return pending
    }
}
