// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct StartOrderTests {
    /// While it is loaded, and in a run that is due at once and waits for the core.
    private static let scripts = [
        """
        local began = time.uptime()
        while time.uptime() - began < 0.5 do end
        users.remove("vless-in", "alice@example.com")
        """,
        """
        after("0s", function()
            users.list("vless-in")
            local began = time.uptime()
            while time.uptime() - began < 0.5 do end
            users.list("vless-in")
            users.remove("vless-in", "alice@example.com")
        end)
        every("1h", function() end)
        """,
    ]

    @Test(arguments: scripts)
    func connectionsWaitUntilScriptsHaveSetWhatHolds(_ script: String) async throws {
        try await offPool {
            let server = try ByteServer()
            let stage = try ScriptedCore(scripts: ["slow": script])
            // The port answers long before the script is through.
            try stage.core.start(waitingFor: stage.port)
            let id = UUID(uuidString: "b831381d-6324-4d53-ad4f-8cda48b30811")!
            let client = try VLESSClient(proxy: stage.port, id: id, target: server.port)
            #expect(throws: (any Error).self, "the first connection meets what the script has set") {
                try client.exchange(up: 8, down: 100)
            }
            #expect(Wait.until { stage.core.output.contains("rejected a connection") }, "\(stage.core.output)")
            #expect(!stage.core.output.contains("taking detour"))
            #expect(stage.core.stop() == 0)
            server.stop()
        }
    }
}
