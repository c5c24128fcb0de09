// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Telemetry
import Testing

struct LogSettingsTests {
    private func settings(access: String = "", error: String = "", loglevel: String = "") -> LogSettings {
        LogSettings(access: access, error: error, loglevel: loglevel, dnsLog: false, maskAddress: "")
    }

    @Test func anEmptyLogObjectTurnsTheAccessLogOn() {
        #expect(settings() == LogSettings(errorLevel: .warning, error: .console, access: .console))
    }

    @Test func noLogObjectKeepsTheAccessLogOff() {
        #expect(LogSettings.unconfigured == LogSettings(errorLevel: .warning, error: .console, access: .none))
    }

    @Test func loglevelNoneTurnsBothOff() {
        let settings = settings(access: "/a", error: "/e", loglevel: "None")
        #expect(settings.access == .none)
        #expect(settings.error == .none)
    }

    @Test(arguments: [
        ("DEBUG", LogLevel.debug), ("Info", .info), ("error", .error), ("loud", .warning), ("", .warning),
    ])
    func levelsAreReadWithoutRegardToCase(text: String, level: LogLevel) {
        #expect(settings(loglevel: text).errorLevel == level)
    }

    @Test func noneIsOffAndAnythingElseIsAPath() {
        let settings = settings(access: "none", error: "/var/log/e")
        #expect(settings.access == .none)
        #expect(settings.error == .file(path: "/var/log/e"))
    }
}
