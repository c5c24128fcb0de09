// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// What the executable says of configurations that it cannot use: one line on standard error that names the place.
@Suite(.serialized) struct BadInputTests {
    static let outbounds = #""outbounds": [{"protocol": "freedom", "tag": "direct"}]"#

    @Test(arguments: [
        ("{\n  \"log\": {,\n}", ":2:11"),
        (#"{"inbounds": [{"port": 1, "protocol": "nope"}], \#(outbounds)}"#, "inbounds[0].protocol"),
        (
            #"{"outbounds": [{"protocol": "freedom", "tag": "a"}, {"protocol": "freedom", "tag": "a"}]}"#,
            "outbounds[1]: duplicate outbound tag: a"
        ),
        (
            """
            {"inbounds": [{"port": 1, "protocol": "vless", "settings": {"decryption": "none",
             "clients": [{"id": "0123456789012345678901234567890"}]}}], \(outbounds)}
            """,
            "inbounds[0].settings.clients[0].id"
        ),
        (#"{\#(outbounds), "routing": {"rules": [{"domain": ["a.com"]}]}}"#, "routing.rules[0]"),
        (
            #"{\#(outbounds), "routing": {"rules": [{"domain": ["regexp:("], "outboundTag": "direct"}]}}"#,
            "missing closing )"
        ),
        (
            #"{"inbounds": [{"port": 1, "protocol": "socks", "streamSettings": {"network": "xhttp"}}], \#(outbounds)}"#,
            "the transport xhttp is not available"
        ),
        (#"{\#(outbounds), "automation": {"scripts": [], "speed": 1}}"#, "automation.speed"),
    ])
    func badConfigurationIsOneLineAndStatus23(_ text: String, _ part: String) async throws {
        try await offPool {
            let folder = try TidegateProcess(configuration: text).folder
            for arguments in [["run", "-test", "-c"], ["check", "-c"], ["run", "-c"]] {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                let path = folder.appendingPathComponent("config.json")
                try text.write(to: path, atomically: true, encoding: .utf8)
                let result = try TidegateProcess.run(arguments + [path.path])
                #expect(result.status == 23, "\(result.errors)")
                #expect(result.errors.contains(part), "\(result.errors)")
                #expect(result.errors.split(separator: "\n").filter { !$0.hasPrefix("warning:") }.count == 1)
            }
            try FileManager.default.removeItem(at: folder)
        }
    }

    @Test func portInUseIsOneLineAndStatus255() async throws {
        try await offPool {
            let server = try ByteServer()
            defer { server.stop() }
            let process = try TidegateProcess(
                configuration: """
                    {"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": \(server.port)}], \(Self.outbounds)}
                    """)
            let result = try TidegateProcess.run([
                "run", "-c", process.folder.appendingPathComponent("config.json").path,
            ])
            #expect(result.status == 255)
            #expect(
                result.errors.contains("127.0.0.1:\(server.port): bind: address already in use"), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func goodConfigurationIsSaidToBeSo() async throws {
        try await offPool {
            let root = TidegateProcess.packageRoot.appendingPathComponent("examples/quickstart")
            for name in ["config.json", "client.json"] {
                let result = try TidegateProcess.run(["check", "-c", root.appendingPathComponent(name).path])
                #expect(result.status == 0, "\(result.errors)")
                #expect(result.output == "Configuration OK.\n")
                #expect(result.errors.isEmpty)
            }
        }
    }

    @Test func settingsWithoutEffectAreToldByTheirPlaces() async throws {
        try await offPool {
            let folder = try TestCertificates.shared().folder.path
            let certificate = #"{"certificateFile": "\#(folder)/server.pem", "keyFile": "\#(folder)/server.key""#
            let process = try TidegateProcess(
                configuration: """
                    {"inbounds": [{"port": 9, "protocol": "vless", "settings": {"decryption": "none", "clients": []},
                       "streamSettings": {"security": "tls", "tlsSettings": {"enableSessionResumption": true,
                         "certificates": [\(certificate)}, \(certificate), "ocspStapling": 3600, "buildChain": true}]}}}],
                     "outbounds": [{"protocol": "freedom"}, {"tag": "b", "protocol": "freedom", "streamSettings":
                       {"security": "tls", "tlsSettings": {"enableSessionResumption": true}}}]}
                    """)
            let result = try TidegateProcess.run(
                ["check", "-c", process.folder.appendingPathComponent("config.json").path])
            #expect(result.status == 0)
            let lines = result.errors.split(separator: "\n").map(String.init)
            let tls = "streamSettings.tlsSettings"
            #expect(lines.count == 3, "\(lines)")
            #expect(lines[0].hasPrefix("warning: inbounds[0].\(tls).certificates[1].ocspStapling: not available"))
            #expect(lines[1].hasPrefix("warning: inbounds[0].\(tls).certificates[1].buildChain: "))
            #expect(lines[2].hasPrefix("warning: outbounds[1].\(tls).enableSessionResumption: not available"))
        }
    }

    @Test func scriptsThatMisbehaveDisturbNothing() async throws {
        try await offPool {
            let server = try ByteServer()
            defer { server.stop() }
            let port = try TCPClient.freePort()
            let core = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info"},
                     "inbounds": [{"protocol": "dokodemo-door", "listen": "127.0.0.1", "port": \(port),
                       "settings": {"address": "127.0.0.1", "port": \(server.port)}}],
                     "outbounds": [{"protocol": "freedom"}],
                     "automation": {"limits": {"memory": "16MB", "time": "300ms"}, "scripts": ["@DIR@/scripts"]}}
                    """)
            let folder = core.folder.appendingPathComponent("scripts")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try core.write("every('50ms', function( end", to: "scripts/broken.lua")
            try core.write(
                "every('50ms', function() while true do pcall(function() end) end end)", to: "scripts/loops.lua")
            try core.write(
                "every('50ms', function() local t = {} for i = 1, 1e9 do t[i] = {} end end)", to: "scripts/eats.lua")
            try core.write("every('50ms', function() error('no luck') end)", to: "scripts/throws.lua")
            try core.write("every('50ms', function() log.info('alive and well') end)", to: "scripts/good.lua")
            try core.start(waitingFor: port)
            for word in ["script/broken", "script/loops", "script/eats", "no luck", "throws.lua", "alive and well"] {
                #expect(Wait.until { core.output.contains(word) }, "no \(word) in \(core.output)")
            }
            let client = try TCPClient(port: port)
            try client.send([0, 0, 0, 8, 0, 0x10, 0, 0])
            #expect(try client.receive(exactly: 1 << 20).count == 1 << 20, "traffic flows meanwhile")
            #expect(core.isRunning)
            #expect(core.stop() == 0)
        }
    }
}
