// SPDX-License-Identifier: Apache-2.0
import Foundation

@testable import Routing

extension FuzzTarget {
    /// What rules are made of.
    static let routing: [FuzzTarget] = [
        // The first line is the pattern, the rest the text; a pattern must give the same answer with and without an automaton.
        FuzzTarget(
            "regexp",
            texts: [
                "^(a|b)*c{1,3}$\naabbcc", "[^\\pL-z]+?\\b\nx-é", "(?i)straße|\\x{1F600}\nSTRASSE",
                "((((a*)*)*)*)b\naaaa",
            ]
        ) { text in
            let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let subject = lines.count > 1 ? lines[1] : ""
            guard lines[0].utf8.count < 200, subject.utf8.count < 1000, let pattern = try? Regexp(lines[0]) else {
                return
            }
            let simulated = try? Regexp(lines[0], automatonStates: 0)
            require(
                simulated?.matches(subject) == pattern.matches(subject),
                "both engines agree on \(lines[0]) and \(subject)")
        },
        FuzzTarget("geo-file", seeds: { [geoFile] }) { bytes in
            guard let temporary = tmpfile() else { return }
            defer { fclose(temporary) }
            let file = FileHandle(fileDescriptor: fileno(temporary), closeOnDealloc: false)
            guard (try? file.write(contentsOf: bytes)) != nil else { return }
            for code in ["CN", "US"] { _ = try? GeoFile(file).list(code: code) }
        },
    ]

    /// Two entries of a GeoIPList: `{1: {1: "CN", 2: {1: 10.0.0.0, 2: 8}}}` and `{1: {1: "US"}}`.
    private static let geoFile: [UInt8] =
        [0x0A, 0x0E, 0x0A, 0x02, 0x43, 0x4E, 0x12, 0x08, 0x0A, 0x04, 10, 0, 0, 0, 0x10, 0x08] + [
            0x0A, 0x04, 0x0A, 0x02, 0x55, 0x53,
        ]
}
