// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Finds out whether the payload of a Vision connection is TLS 1.3, from the first pieces of both directions.
struct VisionFilter {
    private static let clientHello: [UInt8] = [0x16, 0x03]
    private static let serverHello: [UInt8] = [0x16, 0x03, 0x03]
    /// The supported_versions extension of a server that chose TLS 1.3.
    private static let version13: [UInt8] = [0x00, 0x2b, 0x00, 0x02, 0x03, 0x04]
    private static let shortestServerHello = 79

    /// Pieces that are still looked at, of both directions together.
    private(set) var piecesLeft = 8
    private(set) var isTLS = false
    private(set) var isTLS12OrAbove = false
    /// The ciphers of TLS 1.3 whose records may go past the outer TLS.
    private(set) var allowsDirect = false
    private var cipher: UInt16 = 0
    private var serverHelloLeft = -1

    /// - Parameter piece: Payload of one read or write, at most 8192 bytes.
    mutating func look(at piece: ByteBuffer) {
        guard piecesLeft > 0, piece.readableBytes > 0 else { return }
        piecesLeft -= 1
        let bytes = piece.readableBytesView
        let start = Array(bytes.prefix(shortest(bytes.count)))
        if start.count >= 6 {
            if start.starts(with: Self.serverHello), start[5] == 2 {
                isTLS = true
                isTLS12OrAbove = true
                serverHelloLeft = (Int(start[3]) << 8 | Int(start[4])) + 5
                if bytes.count >= Self.shortestServerHello, serverHelloLeft >= Self.shortestServerHello {
                    let offset = 44 + Int(start[43])
                    if let value = piece.getInteger(at: piece.readerIndex + offset, as: UInt16.self) { cipher = value }
                }
            } else if start.starts(with: Self.clientHello), start[5] == 1 {
                isTLS = true
            }
        }
        guard serverHelloLeft > 0 else { return }
        let end = min(serverHelloLeft, bytes.count)
        serverHelloLeft -= bytes.count
        if Self.contains(Self.version13, in: bytes.prefix(end)) {
            allowsDirect = (0x1301...0x1304).contains(cipher)
            piecesLeft = 0
        } else if serverHelloLeft <= 0 {
            piecesLeft = 0
        }
    }

    private func shortest(_ count: Int) -> Int { min(count, Self.shortestServerHello) }

    private static func contains(_ pattern: [UInt8], in bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)
        guard bytes.count >= pattern.count else { return false }
        return (0...bytes.count - pattern.count).contains { bytes[$0...].starts(with: pattern) }
    }
}
