// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
import Synchronization

/// From where one user is connected: addresses with a reference count for each dispatched link. Safe from any thread.
///
/// 127.0.0.1 and ::1 are never recorded: behind a reverse proxy on the same host they would name the proxy.
package final class OnlineMap: NamedEntry {
    package let name: String
    let nameHash: UInt64
    private let addresses = Mutex<[IPAddress: Presence]>([:])

    private struct Presence {
        var links: Int
        var lastSeen: Int64
    }

    init(name: String, nameHash: UInt64) {
        self.name = name
        self.nameHash = nameHash
    }

    /// Counts one more link from `ip`, seen at `now` (Unix seconds); true if it is the first from this address.
    @discardableResult
    package func add(_ ip: IPAddress, now: Int64) -> Bool {
        guard Self.isRecorded(ip) else { return false }
        return addresses.withLock { addresses in
            let links = addresses[ip]?.links ?? 0
            addresses[ip] = Presence(links: links + 1, lastSeen: now)
            return links == 0
        }
    }

    /// Counts one link less from `ip`; true if it was the last from this address.
    @discardableResult
    package func remove(_ ip: IPAddress) -> Bool {
        guard Self.isRecorded(ip) else { return false }
        return addresses.withLock { addresses in
            guard var presence = addresses[ip] else { return false }
            presence.links -= 1
            addresses[ip] = presence.links > 0 ? presence : nil
            return presence.links == 0
        }
    }

    /// How many addresses there are.
    package var count: Int { addresses.withLock { $0.count } }

    /// The addresses, in no order.
    package var entries: [OnlineEntry] {
        addresses.withLock { addresses in
            addresses.map { OnlineEntry(ip: $0.key, lastSeen: $0.value.lastSeen) }
        }
    }

    private static func isRecorded(_ ip: IPAddress) -> Bool {
        ip != .loopbackV4 && ip != .loopbackV6
    }
}

/// One address of an ``OnlineMap``.
package struct OnlineEntry: Sendable, Equatable {
    package var ip: IPAddress
    /// When the latest link from this address was dispatched, in Unix seconds.
    package var lastSeen: Int64

    package init(ip: IPAddress, lastSeen: Int64) {
        self.ip = ip
        self.lastSeen = lastSeen
    }
}
