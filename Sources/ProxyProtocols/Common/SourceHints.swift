// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
import Synchronization

/// Where in a list of users the last ones of each source were, so that those who come again are found at once. Only hints:
/// whoever takes them checks them like any other position, so a list that has changed does no harm.
///
/// An address has up to eight, the last one first, for those who share it; a datagram's source has one of its own besides. Thread-safe.
package final class SourceHints: Sendable {
    /// Sources in one generation. When it is full it takes the place of the one before; who comes again meanwhile stays.
    private static let capacity = 32_768
    private static let none: Int32 = -1

    private struct Source: Hashable {
        let ip: IPAddress
        /// 0 = the address, whatever the port.
        let port: UInt16
    }

    private struct State {
        var current: [Source: SIMD8<Int32>] = [:]
        var previous: [Source: SIMD8<Int32>] = [:]

        func find(_ source: Source) -> SIMD8<Int32>? { current[source] ?? previous[source] }

        mutating func put(_ position: Int32, first source: Source) {
            var before = find(source) ?? SIMD8(repeating: none)
            var place = 7
            for index in 0..<8 where before[index] == position { place = index }
            while place > 0 {
                before[place] = before[place - 1]
                place -= 1
            }
            before[0] = position
            if current.count >= capacity, current[source] == nil {
                previous = current
                current = [:]
            }
            current[source] = before
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// Those of a source, to be tried in this order: its own, and those of its address.
    /// - Parameter source: Port 0 stands for the address alone.
    func positions(_ source: Endpoint) -> [Int] {
        let (own, shared) = state.withLock { state in
            (
                source.port == 0 ? nil : state.find(Source(ip: source.ip, port: source.port)),
                state.find(Source(ip: source.ip, port: 0))
            )
        }
        var positions: [Int] = []
        positions.reserveCapacity(9)
        if let own, own[0] >= 0 { positions.append(Int(own[0])) }
        guard let shared else { return positions }
        for index in 0..<8 where shared[index] >= 0 && Int(shared[index]) != positions.first {
            positions.append(Int(shared[index]))
        }
        return positions
    }

    package func remember(_ position: Int, for source: IPAddress) {
        remember(position, for: Endpoint(ip: source, port: 0))
    }

    func remember(_ position: Int, for source: Endpoint) {
        guard let position = Int32(exactly: position) else { return }
        state.withLock { state in
            state.put(position, first: Source(ip: source.ip, port: 0))
            if source.port != 0 { state.put(position, first: Source(ip: source.ip, port: source.port)) }
        }
    }
}
