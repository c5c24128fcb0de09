// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import XrayProtos

/// A port of the connection, or the number in its VLESS route, lies in one of the ranges. An unknown port is 0.
final class PortCondition: RuleCondition {
    enum Field: Sendable {
        case target, source, local, vlessRoute
    }

    private let field: Field
    /// Sorted and apart from each other.
    private let ranges: [ClosedRange<UInt16>]

    /// Only the low 16 bits of a bound count, as in Xray; a range that ends before it begins is empty.
    init(_ list: Xray_Common_Net_PortList, field: Field) {
        self.field = field
        var merged: [ClosedRange<UInt16>] = []
        let bounds = list.range.map { (UInt16(truncatingIfNeeded: $0.from), UInt16(truncatingIfNeeded: $0.to)) }
        for (first, last) in bounds.filter({ $0 <= $1 }).sorted(by: { $0.0 < $1.0 }) {
            if let range = merged.last, first <= range.upperBound {
                merged[merged.count - 1] = range.lowerBound...max(range.upperBound, last)
            } else {
                merged.append(first...last)
            }
        }
        ranges = merged
    }

    func test(_ context: RoutingContext, _ subject: borrowing MatchSubject) -> Verdict {
        switch field {
        case .target: Verdict(contains(context.targetPort))
        case .source: Verdict(contains(context.sourcePort))
        case .local: Verdict(contains(context.localPort))
        case .vlessRoute: Verdict(contains(context.vlessRoute))
        }
    }

    private func contains(_ port: UInt16) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < port { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= port
    }
}
