// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Synchronization

/// Whether X-Forwarded-For is believed, for all transports whose requests have headers: where one of the headers is there that
/// `sockopt.trustedXForwardedFor` names, and never without that setting. Anybody can send it who reaches the inbound itself.
/// Thread-safe.
final class TrustedForwarders: Sendable {
    private static let pauseBetweenWarnings = TimeAmount.minutes(1)

    /// In lower case.
    private let names: [String]
    private let warn: @Sendable (String) -> Void
    private let now: @Sendable () -> NIODeadline
    private let nextWarning = Mutex(NIODeadline.uptimeNanoseconds(0))

    /// - Parameter warn: Told of a header that is not believed, once a minute at most.
    init(
        _ names: [String], now: @escaping @Sendable () -> NIODeadline = { .now() },
        warn: @escaping @Sendable (String) -> Void
    ) {
        self.names = names.map { $0.lowercased() }
        self.now = now
        self.warn = warn
    }

    /// Where a request comes from: the first address of the header; nil = from `peer`.
    /// - Parameters:
    ///   - list: The value of X-Forwarded-For; nil or empty where there is none.
    ///   - has: Whether the request has a header, named in lower case.
    func source(_ list: String?, from peer: Endpoint, has: (String) -> Bool) -> Endpoint? {
        guard let list, !list.isEmpty else { return nil }
        guard names.contains(where: has) else {
            distrust(peer)
            return nil
        }
        let first = list.prefix { $0 != "," }
        return IPAddress(String(first.trimmingBlanks)).map { Endpoint(ip: $0, port: 0) }
    }

    private func distrust(_ peer: Endpoint) {
        let now = now()
        let isDue = nextWarning.withLock { next in
            guard now >= next else { return false }
            next = now + Self.pauseBetweenWarnings
            return true
        }
        guard isDue else { return }
        let why =
            names.isEmpty
            ? "sockopt.trustedXForwardedFor is not set"
            : "none of the headers that sockopt.trustedXForwardedFor names came with it"
        warn("ignored X-Forwarded-For from \(peer): \(why)")
    }
}
