// SPDX-License-Identifier: Apache-2.0

/// One line of the access log: who asked for what, and what became of it.
package struct AccessRecord: Sendable, Equatable {
    /// The source, as the inbound names it: `ip:port` or `tcp:ip:port`.
    package var from: String
    package var accepted: Bool
    /// The destination, as the inbound names it; empty for a connection that was rejected before it named one.
    package var to: String
    /// `in -> out`, `in >> out`, `in ==> out`, `out`, or empty.
    package var detour: String
    package var reason: String
    package var email: String

    package init(
        from: String, accepted: Bool = true, to: String = "", detour: String = "", reason: String = "",
        email: String = ""
    ) {
        self.from = from
        self.accepted = accepted
        self.to = to
        self.detour = detour
        self.reason = reason
        self.email = email
    }

    /// `from SRC accepted DST [DETOUR] REASON email: EMAIL`, without the parts that are empty; the destination keeps its
    /// blank even then, because programs that read the log count on it.
    package var line: String {
        var line = "from \(from) \(accepted ? "accepted" : "rejected") \(to)"
        if !detour.isEmpty { line += " [\(detour)]" }
        if !reason.isEmpty { line += " \(reason)" }
        if !email.isEmpty { line += " email: \(email)" }
        return line
    }
}
