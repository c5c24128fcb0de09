// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import XrayProtos

/// A set of networks as merged ranges in order: a look-up is one binary search.
struct IPSet: Sendable {
    private struct Wide: Comparable {
        var high: UInt64
        var low: UInt64

        static func < (left: Wide, right: Wide) -> Bool {
            left.high != right.high ? left.high < right.high : left.low < right.low
        }
    }

    private struct Ranges<Bound: Comparable & Sendable>: Sendable {
        private var lower: [Bound] = []
        private var upper: [Bound] = []

        var isEmpty: Bool { lower.isEmpty }

        init(_ ranges: [(Bound, Bound)]) {
            for (first, last) in ranges.sorted(by: { $0.0 < $1.0 }) {
                if let end = upper.last, first <= end {
                    if last > end { upper[upper.count - 1] = last }
                } else {
                    lower.append(first)
                    upper.append(last)
                }
            }
        }

        func contains(_ value: Bound) -> Bool {
            var low = 0
            var high = upper.count
            while low < high {
                let middle = (low + high) / 2
                if upper[middle] < value { low = middle + 1 } else { high = middle }
            }
            return low < lower.count && lower[low] <= value
        }
    }

    private let v4: Ranges<UInt32>
    private let v6: Ranges<Wide>

    /// Networks with an address that is not of 4 or 16 bytes, or with a prefix longer than that, are left out; see
    /// `isValid`. An IPv4 network in its 16-byte form contains no IPv4 address.
    init(_ networks: some Sequence<Xray_Common_Geodata_CIDR>) {
        var narrow: [(UInt32, UInt32)] = []
        var wide: [(Wide, Wide)] = []
        for network in networks where Self.isValid(network) {
            let bits = Int(network.prefix)
            if network.ip.count == 4 {
                let mask = bits == 0 ? 0 : UInt32.max << UInt32(32 - bits)
                let base = network.ip.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & mask
                narrow.append((base, base | ~mask))
            } else {
                let highMask = bits == 0 ? 0 : bits >= 64 ? .max : UInt64.max << UInt64(64 - bits)
                let lowMask = bits <= 64 ? 0 : UInt64.max << UInt64(128 - bits)
                let high = network.ip.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } & highMask
                let low = network.ip.dropFirst(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } & lowMask
                wide.append((Wide(high: high, low: low), Wide(high: high | ~highMask, low: low | ~lowMask)))
            }
        }
        v4 = Ranges(narrow)
        v6 = Ranges(wide)
    }

    static func isValid(_ network: Xray_Common_Geodata_CIDR) -> Bool {
        switch network.ip.count {
        case 4: network.prefix <= 32
        case 16: network.prefix <= 128
        default: false
        }
    }

    func contains(_ ip: IPAddress) -> Bool {
        switch ip {
        case .v4(let value): v4.contains(value)
        case .v6(let high, let low): v6.contains(Wide(high: high, low: low))
        }
    }

    /// Whether the set has any network of that address's family.
    func hasFamily(of ip: IPAddress) -> Bool {
        ip.isIPv4 ? !v4.isEmpty : !v6.isEmpty
    }
}
