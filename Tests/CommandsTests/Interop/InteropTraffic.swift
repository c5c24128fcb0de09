// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// What is sent through two programs to an echo behind them, and has to come back as it was.
enum InteropTraffic {
    /// Of a stream, each way.
    static let bulk = 100_000_000
    /// Of datagrams, in bytes: all that fit into a frame of Ethernet with what the protocols add.
    static let sizes = Array(1...1_400)

    /// A stream of ``bulk`` bytes.
    static func stream(to port: UInt16, bytes: Int = bulk) throws {
        try BytePattern().exchange(with: try TCPClient(port: port, timeout: 60), bytes: bytes)
    }

    /// Small messages of many lengths, each answered before the next one.
    static func messages(to port: UInt16) throws {
        let pattern = BytePattern()
        let talker = try TCPClient(port: port, timeout: 20)
        for round in 0..<200 {
            let message = pattern.bytes(at: round * 97, count: 1 + round % 150)
            try talker.send(message)
            guard try talker.receive(exactly: message.count) == message else { throw Failure("round \(round)") }
        }
    }

    /// Datagrams of these sizes, each another one, from one socket.
    /// - Parameter window: How many are on their way at the same time: v2ray drops what makes its queue of 16 KiB overflow.
    static func datagrams(_ sizes: [Int], to port: UInt16, window: Int = 8) throws {
        let pattern = BytePattern()
        // The port is open for datagrams a moment after it is for streams; what comes before is lost.
        let first = try UDPSocket(timeout: 1)
        let isOpen = try Wait.until(seconds: 60) {
            try first.send([0], to: port)
            return (try? first.receive()) != nil
        }
        guard isOpen else { throw Failure("no datagram comes back") }
        let socket = try UDPSocket()
        for start in stride(from: 0, to: sizes.count, by: window) {
            var missing = Set(sizes[start..<min(start + window, sizes.count)])
            for size in missing { try socket.send(pattern.bytes(at: size, count: size), to: port) }
            while !missing.isEmpty {
                guard let answer = try? socket.receive().bytes else {
                    throw Failure("no datagrams of \(missing.sorted()) bytes came back")
                }
                guard missing.remove(answer.count) != nil,
                    answer == pattern.bytes(at: answer.count, count: answer.count)
                else { throw Failure("a datagram of \(answer.count) bytes has changed, or came twice") }
            }
        }
    }
}
