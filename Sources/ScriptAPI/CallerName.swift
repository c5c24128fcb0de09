// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import GRPCWire
import NIOCore

/// Who is at the other end of a call, for the log.
enum CallerName {
    /// The account and the process on a local socket; the address elsewhere. May wait for the system's user database.
    static func caller(_ context: GRPCCallContext) -> ControlCaller {
        if let peer = context.peerCredentials {
            return .session(user: userName(peer.user), process: peer.process)
        }
        guard let address = context.remoteAddress, let ip = address.ipAddress, let port = address.port else {
            return .api(peer: "in-process")
        }
        return .api(peer: ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)")
    }

    private static func userName(_ user: UInt32) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var text = [CChar](repeating: 0, count: 16_384)
        guard getpwuid_r(user, &entry, &text, text.count, &found) == 0, found != nil, let name = entry.pw_name else {
            return "uid \(user)"
        }
        return String(cString: name)
    }
}
