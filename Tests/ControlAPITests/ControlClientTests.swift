// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import NIOPosix
import Testing
import XrayProtos

struct ControlClientTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    @Test(arguments: ["", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"])
    func refusesATargetThatIsNoAddress(target: String) {
        #expect(throws: ControlError.self) { try ControlClient(target: target, group: group) }
    }

    @Test func aServerThatIsNotThereIsUnavailable() async throws {
        let client = try ControlClient(target: "unix:/nonexistent/socket", group: group, timeout: .seconds(2))
        let error = await #expect(throws: ControlError.self) { try await client.getStats(.init()) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("/nonexistent/socket") == true)
        await client.close()
    }
}
