// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

struct LogRotationTests {
    /// Connections are made all the while; the access log is renamed and the logger restarted four times. Each connection
    /// has its line, whole and once, in one of the files.
    @Test func restartingTheLoggerUnderLoadLosesNoLine() async throws {
        try await offPool {
            let server = try ByteServer()
            let (api, tunnel) = (try TCPClient.freePort(), try TCPClient.freePort())
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "warning", "access": "@DIR@/access.log", "error": "@DIR@/error.log"},
                     "api": {"tag": "api", "listen": "127.0.0.1:\(api)", "services": ["LoggerService"]},
                     "inbounds": [{"tag": "in", "listen": "127.0.0.1", "port": \(tunnel), "protocol": "dokodemo-door",
                                   "settings": {"address": "127.0.0.1", "port": \(server.port)}}],
                     "outbounds": [{"protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}}]}
                    """)
            try core.start(waitingFor: api)
            let threads = 4
            let connections = 200
            let group = DispatchGroup()
            for _ in 0..<threads {
                group.enter()
                Thread.detachNewThread {
                    for _ in 0..<connections {
                        guard let client = try? TCPClient(port: tunnel) else { continue }
                        try? client.send([0, 0, 0, 8, 0, 0, 0, 1])
                        _ = try? client.receive(exactly: 1)
                    }
                    group.leave()
                }
            }
            var files = ["access.log"]
            for number in 1...4 {
                let old = core.folder.appendingPathComponent("access.log.\(number)")
                try FileManager.default.moveItem(at: core.folder.appendingPathComponent("access.log"), to: old)
                files.append(old.lastPathComponent)
                let restarted = try TidegateProcess.run([
                    "api", "restartlogger", "-server", "127.0.0.1:\(api)", "-t", "30",
                ])
                #expect(restarted.status == 0 && restarted.output == "{}\n\n", "\(restarted.errors)")
            }
            group.wait()
            #expect(core.stop() == 0)
            var lines: [Substring] = []
            for file in files {
                let text = try String(contentsOf: core.folder.appendingPathComponent(file), encoding: .utf8)
                #expect(text.isEmpty || text.hasSuffix("\n"), "\(file)")
                lines += text.split(separator: "\n")
            }
            #expect(lines.allSatisfy { $0.contains(" accepted tcp:127.0.0.1:\(server.port)") })
            #expect(lines.count == threads * connections)
            #expect(Set(lines).count == lines.count)
            server.stop()
        }
    }
}
