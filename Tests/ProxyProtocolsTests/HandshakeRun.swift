// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

/// What a handshake came to, with everything in forms that can be compared.
struct HandshakeOutcome: Equatable {
    enum Result: Equatable {
        case needMore
        case stream(target: String, user: String?, header: String, route: UInt16)
        case packets(target: String, user: String?, header: String)
        case associate(user: String?, reply: String)
        case fallback(target: String, preface: String, reason: String)
        case reject(reason: String, reply: String)
    }

    var result = Result.needMore
    /// What was sent before the end, in hexadecimal, one entry for each reply.
    var replies: [String] = []
    /// What follows the request.
    var payload = ""
}

/// Feeds a handshake as the core does: once without bytes, then whenever `piece` further bytes have come.
func run(
    _ handshake: any StreamHandshake, _ bytes: [UInt8], piece: Int = .max,
    sourceLocation: SourceLocation = #_sourceLocation
) -> HandshakeOutcome {
    var handshake = handshake
    var buffer = ByteBuffer()
    var rest = bytes[...]
    var outcome = HandshakeOutcome()
    while true {
        let before = buffer
        var step = handshake.receive(&buffer)
        while case .reply(let reply) = step, outcome.replies.count < 10 {
            outcome.replies.append(hex(reply))
            step = handshake.receive(&buffer)
        }
        switch step {
        case .needMore:
            if outcome.replies.isEmpty {
                #expect(before == buffer, "bytes were taken without an answer", sourceLocation: sourceLocation)
            }
            guard !rest.isEmpty else { return outcome }
            buffer.writeBytes(rest.prefix(piece))
            rest = rest.dropFirst(piece)
            continue
        case .reply:
            Issue.record("replies without end", sourceLocation: sourceLocation)
        case .stream(let request):
            outcome.result = .stream(
                target: "\(request.target)", user: request.user?.email,
                header: request.responseHeader.map(hex) ?? "", route: request.vlessRoute)
        case .packets(let request):
            outcome.result = .packets(
                target: "\(request.target)", user: request.user?.email,
                header: request.responseHeader.map(hex) ?? "")
        case .associate(let request):
            let bound = Endpoint(ip: .loopbackV4, port: 0x1234)
            outcome.result = .associate(user: request.user?.email, reply: hex(request.reply(bound)))
        case .fallback(let request):
            var nothing = ByteBuffer()
            var preface = ""
            if let header = request.dial.proxyHeader, let target = header.target {
                preface = PROXYHeader.bytes(header.version, source: header.source, target: target).map(hex) ?? ""
            }
            outcome.result = .fallback(
                target: request.dial.unixPath ?? "\(request.dial.target)", preface: preface, reason: request.reason)
        case .reject(let rejection):
            outcome.result = .reject(reason: rejection.reason, reply: rejection.reply.map(hex) ?? "")
            return outcome
        }
        outcome.payload = hex(buffer) + hex(ByteBuffer(bytes: rest))
        return outcome
    }
}

/// The same outcome for pieces of every size from one byte up.
func runInPieces(
    _ make: () -> any StreamHandshake, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
) -> HandshakeOutcome {
    let whole = run(make(), bytes, sourceLocation: sourceLocation)
    for piece in [1, 2, 3, 7, 17] {
        let cut = run(make(), bytes, piece: piece, sourceLocation: sourceLocation)
        #expect(cut == whole, "pieces of \(piece)", sourceLocation: sourceLocation)
    }
    return whole
}

/// Expects that every proper beginning of a request asks for more.
func expectEveryTruncationNeedsMore(
    _ make: () -> any StreamHandshake, _ request: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
) {
    for length in 0..<request.count {
        let outcome = run(make(), Array(request.prefix(length)), sourceLocation: sourceLocation)
        #expect(outcome.result == .needMore, "first \(length) bytes", sourceLocation: sourceLocation)
    }
}

func hex(_ buffer: ByteBuffer) -> String {
    buffer.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// Bytes of hexadecimal text; blanks are for the reader.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.filter { !$0.isWhitespace }
    return stride(from: 0, to: digits.count, by: 2).compactMap { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        return UInt8(digits[start...].prefix(2), radix: 16)
    }
}

func buffer(_ hex: String) -> ByteBuffer { ByteBuffer(bytes: bytes(hex)) }

func ascii(_ text: String) -> String { hex(ByteBuffer(string: text)) }

let connection = AcceptedConnection(
    source: Endpoint(ip: .loopbackV4, port: 50000), local: Endpoint(ip: .loopbackV4, port: 0x5219))
