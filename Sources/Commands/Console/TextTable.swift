// SPDX-License-Identifier: Apache-2.0

/// Rows in aligned columns, for terminals.
struct TextTable {
    enum Alignment { case left, right }

    /// Blanks between columns.
    static let gap = 2
    /// A column that is narrower after a cut says nothing.
    private static let narrowest = 8

    private let header: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// - Parameter header: The columns' titles; empty for none.
    init(_ header: [String], alignments: [Alignment] = []) {
        self.header = header
        self.alignments = alignments
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var isEmpty: Bool { rows.isEmpty }

    /// Lines with their ends. What does not fit into `width` is cut off from the right, though the first column stays.
    func text(width: Int = .max) -> String {
        let all = header.isEmpty ? rows : [header] + rows
        let count = all.map(\.count).max() ?? 0
        var widths = [Int](repeating: 0, count: count)
        for row in all {
            for (index, cell) in row.enumerated() { widths[index] = max(widths[index], DisplayText.width(cell)) }
        }
        var shown = 0
        var total = 0
        for (index, size) in widths.enumerated() {
            let more = size + (index == 0 ? 0 : Self.gap)
            guard index == 0 || total + more <= width else {
                let room = width - total - Self.gap
                if room >= Self.narrowest {
                    widths[index] = room
                    shown += 1
                }
                break
            }
            total += more
            shown += 1
        }
        var text = ""
        for row in all {
            var line = ""
            for index in 0..<shown {
                let cell = index < row.count ? DisplayText.cut(row[index], to: widths[index]) : ""
                let fill = String(repeating: " ", count: widths[index] - DisplayText.width(cell))
                if index > 0 { line += String(repeating: " ", count: Self.gap) }
                line += index < alignments.count && alignments[index] == .right ? fill + cell : cell + fill
            }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        return text
    }
}
