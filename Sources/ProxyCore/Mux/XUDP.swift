// SPDX-License-Identifier: Apache-2.0
import Foundation
package import ProxyModel

/// What all of XUDP shares in this process.
package enum XUDP {
    /// False with `XRAY_CONE_DISABLED=true` in the environment: VLESS and VMess then have a connection for each target, as
    /// v2ray's servers need it, which send all datagrams of a connection to the first.
    package static let isEnabled = ProcessInfo.processInfo.environment["XRAY_CONE_DISABLED"] != "true"

    /// The 32 bytes of `XRAY_XUDP_BASEKEY` (base64url), which several processes may share; random without it. Nil when it is
    /// something else.
    static let keyOfEnvironment: [UInt8]?? = {
        guard let text = ProcessInfo.processInfo.environment["XRAY_XUDP_BASEKEY"], !text.isEmpty else { return nil }
        return .some(key(text))
    }()

    private static let baseKey: [UInt8] =
        (keyOfEnvironment ?? nil) ?? (0..<32).map { _ in UInt8.random(in: .min ... .max) }

    static func key(_ text: String) -> [UInt8]? {
        let standard = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        let padding = String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: standard + padding), data.count == 32 else { return nil }
        return Array(data)
    }

    /// What servers know a source of datagrams by, on whatever connection it comes: a keyed hash of its address, which tells
    /// them nothing. Never 0.
    package static func globalID(of source: Endpoint) -> UInt64 { globalID(of: source, key: baseKey) }

    static func globalID(of source: Endpoint, key: [UInt8]) -> UInt64 {
        let hash = BLAKE3.keyedHash(key: key, Array("udp:\(source)".utf8), count: 8)
        return max(1, hash.reduce(0) { $0 << 8 | UInt64($1) })
    }
}

extension Session {
    /// The id of the session's source; 0 for one whose datagrams came in a connection, which is no address of a client's socket.
    package var globalID: UInt64 { arrivesInDatagrams && XUDP.isEnabled ? XUDP.globalID(of: source) : 0 }
}
