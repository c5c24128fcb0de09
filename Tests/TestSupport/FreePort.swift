// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

extension TCPClient {
    /// The next port on which nobody listens, outside the range from which the kernel takes ports for outgoing connections; no port
    /// is given twice by one process.
    ///
    /// A connection is tried, and no socket is bound to find out: a child that is being started at that moment would inherit it, and
    /// hold the port until it has become its program.
    package static func freePort() throws -> UInt16 {
        for _ in 0..<1_000 {
            let port = UInt16(10_000 + nextPort.add(1, ordering: .relaxed).newValue % 20_000)
            if !answers(port) { return port }
        }
        throw Failure("no free port")
    }

    private static let nextPort = Atomic<UInt>(UInt.random(in: 0..<20_000))
}
