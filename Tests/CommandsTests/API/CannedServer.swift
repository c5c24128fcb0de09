// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import GRPCWire
import NIOCore
import NIOPosix
import SwiftProtobuf
import Synchronization

@testable import Commands

/// Answers every call of the API with what a test lays out, and keeps the requests.
final class CannedServer: Sendable {
    struct Call: Sendable {
        let method: String
        let bytes: [UInt8]

        func request<Request: Message>(as type: Request.Type) throws -> Request {
            try Request(serializedBytes: bytes)
        }
    }

    /// What a command line did.
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
        var calls: [Call]
    }

    private let calls = Mutex<[Call]>([])
    private let answers: [String: [UInt8]]
    private let failures: [String: GRPCStatus]

    private init(answers: [String: [UInt8]], failures: [String: GRPCStatus]) {
        self.answers = answers
        self.failures = failures
    }

    /// Runs command lines, one after the other, against a server. Methods without an answer give an empty message.
    static func run(
        _ lines: [[String]], answers: [String: any Message] = [:], failures: [String: GRPCStatus] = [:],
        input: String = ""
    ) async throws -> [Outcome] {
        let canned = CannedServer(
            answers: try answers.mapValues { try $0.serializedBytes() }, failures: failures)
        let table = GRPCHandlerTable { table in
            for operation in ControlOperations.all {
                let method = operation.method
                if case .serverStream = operation.body {
                    table.streaming(operation.path) { requests, responses, _ in
                        guard let request = try await requests.next() else { return }
                        try await responses.write(canned.answer(method, request))
                    }
                    continue
                }
                let handler: GRPCHandlerTable.AsyncUnary = { bytes, _ in try canned.answer(method, bytes) }
                table.unary(operation.path, async: handler)
            }
        }
        let group = MultiThreadedEventLoopGroup.singleton
        let server = GRPCServer(group: group, handlers: table)
        let address = try await server.listen(on: .tcp(host: "127.0.0.1", port: 0))
        var outcomes: [Outcome] = []
        for line in lines {
            let output = Mutex("")
            let errors = Mutex("")
            let console = APIConsole(
                output: { text in output.withLock { $0 += text } }, error: { text in errors.withLock { $0 += text } },
                input: { Data(input.utf8) })
            let arguments = line.prefix(1) + ["-server=\(address)", "-t", "120"] + line.dropFirst()
            let status = await APIInvocation(console: console).run(Array(arguments))
            let made = canned.calls.withLock { calls in
                defer { calls = [] }
                return calls
            }
            outcomes.append(
                Outcome(status: status, output: output.withLock { $0 }, errors: errors.withLock { $0 }, calls: made))
        }
        await server.shutdown(grace: .zero)
        return outcomes
    }

    private func answer(_ method: String, _ bytes: ByteBuffer) throws -> ByteBuffer {
        calls.withLock { $0.append(Call(method: method, bytes: Array(bytes.readableBytesView))) }
        if let failure = failures[method] { throw failure }
        return ByteBuffer(bytes: answers[method] ?? [])
    }
}
