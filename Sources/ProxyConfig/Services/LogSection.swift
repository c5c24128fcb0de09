// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// The `log` object, mirroring `xray.app.log.Config`.
package struct LogConfiguration: Sendable, Equatable {
    package enum Target: Sendable, Equatable {
        case none
        /// Standard output.
        case console
        case file(path: String)
    }

    /// With no `log` object at all the access log is off; with an empty one it goes to the console.
    package var access = Target.none
    package var error = Target.console
    package var level = LogLevel.warning
    package var dnsLog = false
    /// `half`, `quarter`, `full`, `/16+/64` or empty; checked.
    package var maskAddress = ""

    package init() {}

    static func decode(_ node: ConfigNode) throws -> LogConfiguration {
        try node.object { object in
            var log = LogConfiguration()
            log.access = target(try object.string("access"))
            log.error = target(try object.string("error"))
            log.dnsLog = try object.bool("dnsLog")
            log.maskAddress = try object.string("maskAddress")
            if let mask = object["maskAddress"], !isMask(log.maskAddress) {
                throw mask.error(
                    "half, quarter, full or /A+/B with A one of 0, 8, 16, 24, 32 is needed, found \(log.maskAddress.quoted)"
                )
            }
            switch try object.string("loglevel").lowercased() {
            case "debug": log.level = .debug
            case "info": log.level = .info
            case "error": log.level = .error
            case "none":
                log.level = .none
                log.access = .none
                log.error = .none
            case "warning", "":
                break
            case let other:
                object["loglevel"]?.warn(
                    "unknown level \(other.quoted) counts as warning (known: debug, info, warning, error, none)")
            }
            return log
        }
    }

    private static func target(_ text: String) -> Target {
        switch text {
        case "": .console
        case "none": .none
        default: .file(path: text)
        }
    }

    private static func isMask(_ text: String) -> Bool {
        guard !["", "half", "quarter", "full"].contains(text) else { return true }
        let parts = text.split(separator: "+", omittingEmptySubsequences: false).map { part in
            part.isEmpty ? 0 : Int(part.hasPrefix("/") ? part.dropFirst() : part)
        }
        guard let first = parts.first, let mask4 = first, mask4 % 8 == 0, (0...32).contains(mask4) else { return false }
        guard parts.count > 1 else { return true }
        return parts[1].map { (0...128).contains($0) } ?? false
    }
}
