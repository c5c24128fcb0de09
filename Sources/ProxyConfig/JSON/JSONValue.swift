// SPDX-License-Identifier: Apache-2.0
package import JSONText

/// A JSON value without its place: what scripts get as their settings and give as configuration.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The value of a node: a number is an integer where it was written as one and fits, else the nearest double; of
    /// members with one name the last counts.
    package init(_ node: JSONNode) {
        switch node.value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .number(let number):
            if let integer = number.integer(as: Int64.self) {
                self = .integer(integer)
            } else {
                self = .double(number.double ?? (number.text.hasPrefix("-") ? -.infinity : .infinity))
            }
        case .string(let text): self = .string(text)
        case .array(let nodes): self = .array(nodes.map { JSONValue($0) })
        case .object(let members):
            self = .object(
                Dictionary(members.map { ($0.name, JSONValue($0.node)) }, uniquingKeysWith: { _, last in last }))
        }
    }
}

extension JSONNode {
    /// The node of a value that came from no document; members are in the order of their names.
    package init(_ value: JSONValue) {
        self.init(value) { $0.isFinite ? JSONNumber(text: $0.jsonText) : nil }
    }

    fileprivate init(_ value: JSONValue, number: (Double) -> JSONNumber?) {
        self =
            switch value {
            case .null: .null
            case .bool(let value): .bool(value)
            case .integer(let value): .number(value)
            case .double(let value): number(value).map { .number($0) } ?? .null
            case .string(let text): .string(text)
            case .array(let values): .array(values.map { JSONNode($0, number: number) })
            case .object(let values):
                .object(
                    values.sorted { $0.key < $1.key }.map {
                        Member(name: $0.key, node: JSONNode($0.value, number: number))
                    })
            }
    }
}

extension JSONValue {
    /// The value as JSON on one line, the keys of objects in order; a double keeps its fraction. Numbers that JSON cannot write
    /// (infinities) become null.
    package var text: String {
        JSONNode(self) { $0.isFinite ? JSONNumber(text: String($0)) : nil }.text()
    }
}

extension Double {
    /// The number's text; a whole number within the exact range of a double is written without a fraction, so that
    /// the integers of a language that has doubles only are integers here too.
    fileprivate var jsonText: String {
        guard self == rounded(), abs(self) < 9_007_199_254_740_992 else { return String(self) }
        return String(Int64(self))
    }
}
