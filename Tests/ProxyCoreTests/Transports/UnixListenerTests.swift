// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

@testable import ProxyCore

@Suite(.serialized) struct UnixListenerTests {
    private static func plan(_ listen: String) throws -> ListenPlan {
        var receiver = Xray_App_Proxyman_ReceiverConfig()
        receiver.listen.address = .domain(listen)
        return try ListenPlan(receiver)
    }

    @Test func modeStandsBehindAComma() throws {
        #expect(try Self.plan("/run/a.sock,0660").unixPath == "/run/a.sock")
        #expect(try Self.plan("/run/a.sock,0660").unixMode == 0o660)
        #expect(try Self.plan("/run/a.sock").unixMode == nil)
        #expect(try Self.plan("@name").unixPath == "@name")
        #expect(throws: (any Error).self) { try Self.plan("/run/a.sock,rw") }
    }

    @Test func socketHasItsModeAndServesAndADeadOneIsReplaced() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            "t\(UInt32.random(in: 0 ... .max)).sock"
        ).path
        defer { unlink(path) }
        for _ in 0..<2 {
            let stage = try await CoreStage {
                var receiver = Xray_App_Proxyman_ReceiverConfig()
                receiver.listen.address = .domain("\(path),0606")
                $0.inbounds[0].receiverSettings = try TypedMessages.pack(receiver)
            } settings: {
                CoreStage.tunnel(to: $0)
            }
            var info = stat()
            #expect(stat(path, &info) == 0)
            #expect(info.st_mode & 0o777 == 0o606)
            let answer = try await offPool {
                let client = try TCPClient(unixPath: path, timeout: 20)
                try client.send(CoreStage.request(up: 100, down: 5_000))
                return try client.receive(exactly: 5_000)
            }
            #expect(answer.count == 5_000)
            await stage.stop()
            // As a core that was killed leaves it: bound once, and nobody listens.
            unlink(path)
            try TCPClient.leaveDeadSocket(at: path)
        }
    }
}
