// SPDX-License-Identifier: Apache-2.0
import Foundation
import JSONText
package import ProxyModel
package import SwiftProtobuf
package import XrayProtos

extension ConfigNode {
    /// A list of texts, or one text with commas between them (blanks are kept).
    package func strings() throws(ConfigurationError) -> [String] {
        switch node.value {
        case .string(let text):
            return text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        case .array:
            return try textList()
        default:
            throw error("a text or a list of texts is needed, found \(node.summary)")
        }
    }

    /// A list of texts; null counts as an empty one.
    package func textList() throws(ConfigurationError) -> [String] {
        var texts: [String] = []
        for element in try elements() { texts.append(element.isNull ? "" : try element.string()) }
        return texts
    }

    /// An object of texts.
    package func textMap() throws(ConfigurationError) -> [String: String] {
        var map: [String: String] = [:]
        for (name, value) in try members() { map[name] = value.isNull ? "" : try value.string() }
        return map
    }

    /// A text, or what the environment variable holds that it names after `env:`.
    package func textOrVariable() throws(ConfigurationError) -> String {
        let text = try string()
        return text.hasPrefix("env:") ? context.variable(String(text.dropFirst(4))) : text
    }

    /// An IP address (IPv6 with or without brackets) or a name; `env:NAME` is looked up.
    package func address() throws(ConfigurationError) -> Address {
        Address(configured: try textOrVariable())
    }

    package func ipOrDomain() throws(ConfigurationError) -> Xray_Common_Net_IPOrDomain {
        Xray_Common_Net_IPOrDomain(try address())
    }

    /// `tcp`, `udp` …, as a list or with commas; a name that is none becomes `unknown`, which matches nothing.
    package func networks() throws(ConfigurationError) -> [Xray_Common_Net_Network] {
        try strings().map { Xray_Common_Net_Network(name: $0) }
    }

    /// `5` or `"1-5"`; a range that is written backwards is turned round.
    package func range() throws(ConfigurationError) -> ClosedRange<Int32> {
        switch node.value {
        case .number:
            let value = try integer(as: Int32.self)
            return value...value
        case .string(let text):
            guard let (left, right) = Self.range(text) else { fallthrough }
            return min(left, right)...max(left, right)
        default:
            throw error("a whole number or a range such as \"1-5\" is needed, found \(node.summary)")
        }
    }

    /// The two ends of a range text; a single number is both, empty text is 0. Negative ends are allowed.
    static func range(_ text: String) -> (Int32, Int32)? {
        if let value = Int32(text) { return (value, value) }
        guard !text.isEmpty else { return (0, 0) }
        guard let dash = text.dropFirst().firstIndex(of: "-"), let left = Int32(text[..<dash]),
            let right = Int32(text[text.index(after: dash)...])
        else { return nil }
        return (left, right)
    }

    /// A duration as text with units (`10s`, `1h30m`, `250ms`), in nanoseconds.
    package func duration() throws(ConfigurationError) -> Int64 {
        guard case .string(let text) = node.value, let nanoseconds = DurationText.nanoseconds(text) else {
            throw error("a duration such as \"10s\" is needed, found \(node.summary)")
        }
        return nanoseconds
    }

    /// The message in its carrier.
    package func pack(_ message: any SwiftProtobuf.Message) throws(ConfigurationError)
        -> Xray_Common_Serial_TypedMessage
    {
        do {
            return try TypedMessages.pack(message)
        } catch {
            throw self.error("too large")
        }
    }
}

extension Address {
    /// An address as configurations write it: brackets around any text are dropped, and so are blanks at the ends.
    init(configured text: String) {
        var text = text[...]
        if text.utf8.count > 1, text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        self.init(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}

extension Xray_Common_Net_IPOrDomain {
    package init(_ address: Address) {
        self.init()
        switch address {
        case .ip(let ip): self.address = .ip(Data(ip.bytes))
        case .domain(let name): self.address = .domain(name)
        }
    }
}

extension Xray_Common_Net_Network {
    init(name: some StringProtocol) {
        switch name.lowercased() {
        case "tcp": self = .tcp
        case "udp": self = .udp
        case "unix": self = .unix
        default: self = .unknown
        }
    }
}
