// SPDX-License-Identifier: Apache-2.0
import JSONText
package import XrayProtos

extension ConfigNode {
    /// Ports: a number, or text such as `"80"`, `"1-5,9"`, `"env:NAME"`. The number 0 is an empty list. A range written
    /// backwards is kept as it is and holds no port.
    package func portList() throws(ConfigurationError) -> Xray_Common_Net_PortList {
        var list = Xray_Common_Net_PortList()
        switch node.value {
        case .number:
            let port = try integer(as: UInt16.self)
            if port != 0 { list.range.append(.init(from: port, to: port)) }
        case .string(let text):
            for part in text.split(separator: ",") {
                let trimmed = part.trimmed
                if !trimmed.isEmpty { list.range.append(try portRange(String(trimmed))) }
            }
        default:
            throw error("a port or a list of ports such as \"80,1000-2000\" is needed, found \(node.summary)")
        }
        return list
    }

    private func portRange(_ text: String) throws(ConfigurationError) -> Xray_Common_Net_PortRange {
        let written = text.hasPrefix("env:") ? context.variable(String(text.dropFirst(4))) : text
        let ends = written.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(Self.port)
        switch (ends.first ?? nil, ends.last ?? nil) {
        case (let from?, let to?): return .init(from: from, to: to)
        default:
            let found = written == text ? text.quoted : "\(written.quoted) from \(text.quoted)"
            throw error("not a port or a range of ports: \(found)")
        }
    }

    /// Digits only, up to 65535.
    private static func port(_ text: Substring) -> UInt16? {
        text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? UInt16(text) : nil
    }
}

extension Xray_Common_Net_PortRange {
    init(from: UInt16, to: UInt16) {
        self.init()
        self.from = UInt32(from)
        self.to = UInt32(to)
    }
}

extension Substring {
    /// Without blanks at the ends.
    var trimmed: Substring {
        var rest = drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest = rest.dropLast() }
        return rest
    }
}
