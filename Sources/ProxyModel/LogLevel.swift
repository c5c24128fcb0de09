// SPDX-License-Identifier: Apache-2.0

/// How serious a line of the error log is; ordered so that `a <= threshold` means "is written".
package enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    case none = 0
    case error = 1
    case warning = 2
    case info = 3
    case debug = 4

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

    /// The word in brackets at the head of a line.
    package var label: String {
        switch self {
        case .none: "None"
        case .error: "Error"
        case .warning: "Warning"
        case .info: "Info"
        case .debug: "Debug"
        }
    }
}
