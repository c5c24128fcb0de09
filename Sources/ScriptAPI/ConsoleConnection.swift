// SPDX-License-Identifier: Apache-2.0
import Automation
import ControlAPI
import GRPCWire
import SwiftProtobuf
import Synchronization
package import XrayProtos

/// The client's end of a session. Evaluations, completions and interruptions may overlap; each answer finds its question.
package final class ConsoleConnection: Sendable {
    private typealias Response = Tidegate_Script_V1_ConsoleResponse.OneOf_Response

    private struct State {
        var lastID: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Response, any Error>] = [:]
        var ended: (any Error)?
        var reader: Task<Void, Never>?
        var caller = ""
        var version = ""
    }

    private let requests: GRPCOutboundWriter
    private let responses: GRPCInboundStream
    private let onLine: @Sendable (Tidegate_Script_V1_OutputLine) -> Void
    private let onPlanned: @Sendable (String) -> Void
    private let state = Mutex(State())

    init(
        requests: GRPCOutboundWriter, responses: GRPCInboundStream,
        onLine: @escaping @Sendable (Tidegate_Script_V1_OutputLine) -> Void,
        onPlanned: @escaping @Sendable (String) -> Void
    ) {
        self.requests = requests
        self.responses = responses
        self.onLine = onLine
        self.onPlanned = onPlanned
    }

    /// Who the core's log names for the changes of this session.
    package var caller: String { state.withLock { $0.caller } }
    package var version: String { state.withLock { $0.version } }
    /// Why the session has ended; nil while it goes on.
    package var ended: (any Error)? { state.withLock { $0.ended } }

    func open(_ mode: ConsoleMode) async throws {
        let reader = Task { await read() }
        state.withLock { $0.reader = reader }
        let request = Tidegate_Script_V1_OpenRequest.with {
            $0.readOnly = mode == .readOnly
            $0.dryRun = mode == .dryRun
        }
        let answer = try await ask(.open(request))
        guard case .opened(let opened) = answer else {
            throw ControlError("the session was answered with something else")
        }
        state.withLock { state in
            state.caller = opened.caller
            state.version = opened.version
        }
    }

    /// The values of an expression, or none of statements.
    /// - Throws: ``ConsoleFailure`` for what Lua refuses or fails with; ``ControlError`` when the session is lost.
    package func evaluate(
        _ source: String, name: String = "", mayContinue: Bool = false
    ) async throws -> [Tidegate_Script_V1_Value] {
        let answer = try await ask(
            .evaluate(
                .with {
                    $0.source = source
                    $0.name = name
                    $0.mayContinue = mayContinue
                }))
        switch answer {
        case .result(let result): return result.values
        case .failure(let failure): throw ConsoleFailure(failure)
        default: throw ControlError("the evaluation was answered with something else")
        }
    }

    package func complete(_ text: String) async throws -> Tidegate_Script_V1_CompleteResponse {
        let answer = try await ask(.complete(.with { $0.text = text }))
        guard case .completions(let completions) = answer else { return .init() }
        return completions
    }

    /// Ends the evaluation that is under way.
    package func interrupt() async throws {
        try await send(.with { $0.interrupt = .init() })
    }

    package func close() async {
        requests.finish()
        let reader = state.withLock { $0.reader }
        await reader?.value
    }

    private func ask(_ question: Tidegate_Script_V1_ConsoleRequest.OneOf_Request) async throws -> Response {
        var request = Tidegate_Script_V1_ConsoleRequest()
        request.id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        request.request = question
        let ready = request
        return try await withCheckedThrowingContinuation { continuation in
            let ended = state.withLock { state -> (any Error)? in
                if state.ended == nil { state.waiting[ready.id] = continuation }
                return state.ended
            }
            if let ended { return continuation.resume(throwing: ended) }
            Task {
                do {
                    try await send(ready)
                } catch {
                    take(ready.id)?.resume(throwing: error)
                }
            }
        }
    }

    private func send(_ request: Tidegate_Script_V1_ConsoleRequest) async throws {
        do {
            try await requests.write(encodeMessage(request))
        } catch let status as GRPCStatus {
            throw ControlError(telling: status)
        }
    }

    private func take(_ id: UInt64) -> CheckedContinuation<Response, any Error>? {
        state.withLock { $0.waiting.removeValue(forKey: id) }
    }

    private func read() async {
        var problem: any Error = ControlError(code: .unavailable, "the session has ended")
        do {
            while let bytes = try await responses.next() {
                let answer = try decodeRequest(Tidegate_Script_V1_ConsoleResponse.self, from: bytes)
                switch answer.response {
                case .output(let line)?: onLine(line)
                case .planned(let change)?: onPlanned(change)
                case let response?: take(answer.id)?.resume(returning: response)
                case nil: break
                }
            }
        } catch let status as GRPCStatus {
            problem = ControlError(telling: status)
        } catch {
            problem = error
        }
        let ended = problem
        let waiting = state.withLock { state in
            state.ended = ended
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.resume(throwing: ended) }
    }
}

/// What Lua said instead of a result.
package struct ConsoleFailure: Error, Sendable, CustomStringConvertible {
    package var kind: Tidegate_Script_V1_EvaluateFailure.Kind
    package var message: String
    package var traceback: String

    init(_ failure: Tidegate_Script_V1_EvaluateFailure) {
        kind = failure.kind
        message = failure.message
        traceback = failure.traceback
    }

    package var description: String { message }
}
