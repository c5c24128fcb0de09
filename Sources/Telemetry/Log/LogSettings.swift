// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// Where a log goes.
package enum LogTarget: Sendable, Equatable {
    case none
    /// Standard output, as the original writes it, never standard error.
    case console
    case file(path: String)

    /// `""` is the console and `none` is off; anything else is a path.
    package init(setting: String) {
        switch setting {
        case "": self = .console
        case "none": self = .none
        default: self = .file(path: setting)
        }
    }
}

/// What is logged, and where.
package struct LogSettings: Sendable, Equatable {
    /// The least serious level that the error log takes.
    package var errorLevel: LogLevel
    package var error: LogTarget
    package var access: LogTarget
    /// Whether DNS answers go to the access log.
    package var dnsLog: Bool
    /// `half`, `quarter`, `full`, `/A+/B`, or empty for no masking; see ``AddressMask``.
    package var maskAddress: String

    package init(
        errorLevel: LogLevel = .warning, error: LogTarget = .console, access: LogTarget = .console,
        dnsLog: Bool = false, maskAddress: String = ""
    ) {
        self.errorLevel = errorLevel
        self.error = error
        self.access = access
        self.dnsLog = dnsLog
        self.maskAddress = maskAddress
    }

    /// A configuration without a `log` object: warnings to the console, no access log.
    package static let unconfigured = LogSettings(access: .none)

    /// A `log` object as a configuration writes it, `{}` included: its access log is on unless it says otherwise. The
    /// level is read without regard to case, an unknown one means `warning`, and `none` turns the access log off too.
    package init(access: String, error: String, loglevel: String, dnsLog: Bool, maskAddress: String) {
        let level = LogLevel.allCases.first { $0.label.lowercased() == loglevel.lowercased() } ?? .warning
        self.init(
            errorLevel: level, error: level == .none ? .none : LogTarget(setting: error),
            access: level == .none ? .none : LogTarget(setting: access), dnsLog: dnsLog, maskAddress: maskAddress)
    }
}
