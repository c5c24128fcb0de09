// SPDX-License-Identifier: Apache-2.0

/// A JSON text as a tree. Numbers keep their spelling, objects their order.
indirect enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    struct Member: Equatable, Sendable {
        var key: String
        var value: JSONValue
    }

    /// - Parameter indent: spaces for each level; nil puts all on one line, without spaces.
    func text(indent: Int?) -> String {
        var output = ""
        write(to: &output, indent: indent, level: 0)
        return output
    }

    private func write(to output: inout String, indent: Int?, level: Int) {
        switch self {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .number(let value): output += value
        case .string(let value): Self.quote(value, to: &output)
        case .array(let elements):
            Self.list("[", elements, "]", to: &output, indent: indent, level: level) { element, output in
                element.write(to: &output, indent: indent, level: level + 1)
            }
        case .object(let members):
            Self.list("{", members, "}", to: &output, indent: indent, level: level) { member, output in
                Self.quote(member.key, to: &output)
                output += indent == nil ? ":" : ": "
                member.value.write(to: &output, indent: indent, level: level + 1)
            }
        }
    }

    private static func list<Element>(
        _ opening: String, _ elements: [Element], _ closing: String, to output: inout String, indent: Int?, level: Int,
        _ body: (Element, inout String) -> Void
    ) {
        func newLine(_ level: Int) {
            guard let indent else { return }
            output += "\n" + String(repeating: " ", count: indent * level)
        }
        output += opening
        for (index, element) in elements.enumerated() {
            if index > 0 { output += "," }
            newLine(level + 1)
            body(element, &output)
        }
        if !elements.isEmpty { newLine(level) }
        output += closing
    }

    /// Escapes what JSON demands, and the two line separators that JavaScript does not take in a string.
    private static func quote(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\u{8}": output += "\\b"
            case "\u{c}": output += "\\f"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case "\u{0}"..."\u{1f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }

    /// The shortest spelling that reads back as the same number, without an exponent from 1e-6 up to 1e21.
    /// Nil for infinities and for what is no number.
    static func number(_ value: some BinaryFloatingPoint & LosslessStringConvertible) -> JSONValue? {
        guard value.isFinite else { return nil }
        let sign = value.sign == .minus ? "-" : ""
        if value == 0 { return .number(sign + "0") }
        let parts = String(value.magnitude).split(separator: "e")
        guard let mantissa = parts.first else { return nil }
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        let whole = halves[0]
        let fraction = halves.count > 1 ? halves[1] : ""
        let all = String(whole + fraction)
        let digits = all.drop { $0 == "0" }
        let significant = String(digits.reversed().drop { $0 == "0" }.reversed())
        // The value is 0.significant × 10^point.
        let point = whole.count + exponent - (all.count - digits.count)
        if value.magnitude < 1e-6 || value.magnitude >= 1e21 {
            let rest = significant.dropFirst()
            let power = point - 1
            return .number(
                sign + significant.prefix(1) + (rest.isEmpty ? "" : "." + rest) + (power < 0 ? "e-" : "e+")
                    + String(abs(power)))
        }
        if point <= 0 { return .number(sign + "0." + String(repeating: "0", count: -point) + significant) }
        if significant.count <= point {
            return .number(sign + significant + String(repeating: "0", count: point - significant.count))
        }
        return .number(sign + significant.prefix(point) + "." + significant.dropFirst(point))
    }
}
