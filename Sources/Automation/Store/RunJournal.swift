// SPDX-License-Identifier: Apache-2.0

/// Records that wait for the writer.
struct RunJournal {
    private struct Key: Hashable {
        var script: String
        var schedule: String
    }

    private var pending: [RunRecord] = []
    /// How many records of a schedule were written since its old ones were looked for.
    private var written: [Key: Int] = [:]
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

    /// The schedules of which so many records were written that old ones are to go. Looking for those costs as much as writing a
    /// record, so it is not done for each.
    mutating func takeOverlong(_ runs: [RunRecord], history: Int) -> [(script: String, schedule: String)] {
        var overlong: Set<Key> = []
        for run in runs {
            let key = Key(script: run.script, schedule: run.schedule)
            written[key, default: 0] += 1
            if written[key, default: 0] > history / 4 {
                written[key] = 0
                overlong.insert(key)
            }
        }
        if written.count > 10_000 { written = [:] }
        return overlong.map { ($0.script, $0.schedule) }
    }

    mutating func takeAll() -> [RunRecord] {
        defer { pending = [] }
        return pending
    }
}
