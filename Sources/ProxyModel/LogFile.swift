// SPDX-License-Identifier: Apache-2.0

/// A file that a log of the core goes to.
package struct LogFile: Sendable, Equatable {
    /// `error`, `access`, or both where they share the file.
    package var logs: [String]
    package var path: String
    /// In bytes; what is queued is not written yet.
    package var size: Int64

    package init(logs: [String], path: String, size: Int64) {
        self.logs = logs
        self.path = path
        self.size = size
    }
}
