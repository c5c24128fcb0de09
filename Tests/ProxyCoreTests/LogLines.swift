// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Synchronization
import Telemetry

/// What a core writes to its logs, both of them.
final class LogLines: Sendable {
    private let bytes: Bytes
    let log: CoreLog

    private final class Bytes: Sendable {
        let all = Mutex<[UInt8]>([])
    }

    init() throws {
        let bytes = Bytes()
        self.bytes = bytes
        log = try CoreLog(LogSettings(errorLevel: .debug, error: .console, access: .console)) { more in
            bytes.all.withLock { $0 += more }
        }
    }

    var text: String {
        log.flush()
        return String(decoding: bytes.all.withLock { $0 }, as: UTF8.self)
    }
}
