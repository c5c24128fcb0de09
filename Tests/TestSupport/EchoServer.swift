// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A TCP server on 127.0.0.1 that sends back what it receives, as it comes.
package final class EchoServer: Sendable {
    private let listener: TCPListener
    package var port: UInt16 { listener.port }

    package init() throws {
        listener = try .concurrent { Self.serve($0) }
    }

    package func stop() { listener.stop() }

    private static func serve(_ connection: Int32) {
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(connection, &part, part.count, 0), count > 0 {
            var sent = 0
            while sent < count {
                let step = part.withUnsafeBytes {
                    send(connection, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                guard step > 0 else { return }
                sent += step
            }
        }
    }
}

/// Bytes of a known order: a random block of a prime length over and over, so that bytes that are lost, doubled or moved show.
package struct BytePattern: Sendable {
    private static let period = 65_521
    private let block: [UInt8]

    package init() {
        let once = (0..<Self.period).map { _ in UInt8.random(in: 0...255) }
        block = once + once
    }

    /// Up to `period` bytes from a place in the stream on.
    package func bytes(at offset: Int, count: Int) -> [UInt8] {
        let start = offset % Self.period
        return Array(block[start..<start + min(count, Self.period)])
    }

    /// Sends so many bytes to something that echoes them, and checks every byte that comes back meanwhile.
    package func exchange(with client: TCPClient, bytes total: Int) throws {
        let failure = FailureBox()
        let pattern = self
        // One thread sends, the other receives.
        nonisolated(unsafe) let client = client
        let writer = Thread {
            let part = pattern.bytes(at: 0, count: Self.period)
            var sent = 0
            do {
                while sent < total {
                    try client.send(total - sent < part.count ? Array(part[..<(total - sent)]) : part)
                    sent += part.count
                }
            } catch {
                failure.set("after \(sent) bytes: \(error)")
            }
        }
        writer.start()
        var received = 0
        var part = [UInt8](repeating: 0, count: Self.period)
        while received < total {
            let isRight = try part.withUnsafeMutableBytes { part in
                let count = try client.receive(into: part)
                guard count > 0 else {
                    throw Failure("closed after \(received) of \(total) bytes; \(failure.text)")
                }
                let start = received % Self.period
                received += count
                return block.withUnsafeBytes { memcmp($0.baseAddress! + start, part.baseAddress!, count) == 0 }
            }
            guard isRight else { throw Failure("other bytes came back before \(received)") }
        }
        guard received == total else { throw Failure("\(received) bytes came back, not \(total)") }
    }
}

private final class FailureBox: @unchecked Sendable {  // guarded by the lock
    private let lock = NSLock()
    private var value = ""

    func set(_ text: String) { lock.withLock { value = text } }
    var text: String { lock.withLock { value } }
}
