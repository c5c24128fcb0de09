// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import TestSupport
import Testing

/// What the tests themselves stand on.
struct FreePortTests {
    @Test func freePortCanBeTakenWhileOthersStartPrograms() async throws {
        try await offPool {
            let isOver = Mutex(false)
            let starter = Thread {
                while !isOver.withLock({ $0 }) {
                    _ = try? CommandResult.of(URL(filePath: "/bin/true"), [])
                }
            }
            starter.start()
            defer { isOver.withLock { $0 = true } }
            for _ in 0..<300 {
                try SilentServer(on: TCPClient.freePort()).stop()
            }
        }
    }
}
