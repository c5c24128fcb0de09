// SPDX-License-Identifier: Apache-2.0

/// Why a transport did not come up: the peer speaks something else, or refused, or left.
struct TransportFailure: Error, Equatable, CustomStringConvertible {
    /// A short word for the counter of rejections.
    var reason: String
    /// More of it, for the log; may be empty.
    var detail: String

    /// The peer left without a word; nothing to tell.
    static let ended = TransportFailure("connection ended")

    init(_ reason: String, _ detail: String = "") {
        self.reason = reason
        self.detail = detail
    }

    var description: String { detail.isEmpty ? reason : "\(reason): \(detail)" }
}

/// Asks the lowest handler of a transport to close the socket now, without a farewell on any layer. `close(mode: .all)` from
/// above lets each layer say good-bye and wait for the answer.
struct TransportAbort {}

/// Told to the handlers above by a layer that cannot send for a while, or can again, although the socket is writable.
enum TransportWritability {
    case blocked
    case free
}
