// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// A VLESS client (version 0, TCP, no flow) that speaks to a ``ByteServer`` behind the proxy.
package final class VLESSClient {
    private let socket: TCPClient
    private var sawResponse = false

    package init(proxy: UInt16, id: UUID, target: UInt16, timeout: Int = 10) throws {
        socket = try TCPClient(port: proxy, timeout: timeout)
        let bytes = withUnsafeBytes(of: id.uuid) { Array($0) }
        try socket.send([0] + bytes + [0, 1, UInt8(target >> 8), UInt8(target & 255), 1, 127, 0, 0, 1])
    }

    /// Moves `up` bytes (at least 8) up and `down` bytes down; throws when the connection is cut.
    package func exchange(up: Int, down: Int) throws {
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        try socket.send(number(up) + number(down) + [UInt8](repeating: 0x75, count: up - 8))
        if !sawResponse, down > 0 {
            let header = try socket.receive(exactly: 2)
            guard header == [0, 0] else { throw Failure("response header \(header)") }
            sawResponse = true
        }
        _ = try socket.receive(exactly: down)
    }
}
