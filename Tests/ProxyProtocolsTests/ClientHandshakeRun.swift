// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import Testing

@testable import ProxyProtocols

/// What a client's handshake sent and came to, against a server that sends `answers` one by one.
struct ClientHandshakeOutcome: Equatable {
    var sent: [String] = []
    /// `done`, `more`, or why it failed.
    var end = "more"
    /// What follows the last answer.
    var payload = ""
}

/// Feeds a client's handshake in pieces of every size and expects the same each time. All of `answer` is there from the
/// start; a client must not read ahead of what it asked for.
func run(
    _ handshake: any ClientHandshake, answer: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
) -> ClientHandshakeOutcome {
    let outcomes = [Int.max, 1, 2, 5].map { piece in
        var handshake = handshake
        var outcome = ClientHandshakeOutcome()
        var buffer = ByteBuffer()
        var rest = answer[...]
        for _ in 0..<200_000 {
            switch handshake.receive(&buffer) {
            case .needMore:
                guard !rest.isEmpty else { return outcome }
                buffer.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
            case .send(let bytes):
                outcome.sent.append(hex(bytes))
            case .done:
                outcome.end = "done"
                outcome.payload = hex(buffer) + hex(ByteBuffer(bytes: rest))
                return outcome
            case .fail(let why):
                outcome.end = why
                return outcome
            }
        }
        return outcome
    }
    for outcome in outcomes { #expect(outcome == outcomes[0], sourceLocation: sourceLocation) }
    return outcomes[0]
}
