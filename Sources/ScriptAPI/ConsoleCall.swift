// SPDX-License-Identifier: Apache-2.0
import Automation
import ControlAPI
import GRPCWire
import ProxyModel
import SwiftProtobuf
import Synchronization
import XrayProtos

/// One `OpenConsole` call: a session that ends with the call.
struct ConsoleCall: Sendable {
    let requests: GRPCInboundStream
    let responses: GRPCOutboundWriter

    func run(
        _ open: Tidegate_Script_V1_OpenRequest, id: UInt64, by caller: ControlCaller, version: String,
        on automation: Automation
    ) async throws {
        guard !open.readOnly || !open.dryRun else {
            throw GRPCStatus(.invalidArgument, "a session is either read-only or a dry run")
        }
        let mode = open.readOnly ? ConsoleMode.readOnly : open.dryRun ? .dryRun : .full
        let outbox = ConsoleOutbox()
        let session = try await automation.openConsole(caller: caller, mode: mode) { outbox.add($0) }
        let kind = open.readOnly ? "read-only " : open.dryRun ? "dry-run " : ""
        automation.note("\(kind)session opened by \(caller)", script: "console")
        outbox.add(
            id,
            .opened(
                .with {
                    $0.caller = "\(caller)"
                    $0.version = version
                }))
        let ended: (any Error)?
        do {
            try await exchange(session, outbox)
            ended = nil
        } catch {
            ended = error
        }
        await session.close()
        automation.note("session closed by \(caller)", script: "console")
        if let ended { throw ended }
    }

    private func exchange(_ session: ConsoleSession, _ outbox: ConsoleOutbox) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await response in outbox.responses {
                    try await responses.write(encodeMessage(response))
                    outbox.sent(response)
                }
            }
            try await withThrowingDiscardingTaskGroup { work in
                while let bytes = try await requests.next() {
                    try take(decodeRequest(Tidegate_Script_V1_ConsoleRequest.self, from: bytes), session, outbox, &work)
                }
                // Who has sent everything still waits for the answers.
            }
            outbox.finish()
            try await group.waitForAll()
        }
    }

    private func take(
        _ request: Tidegate_Script_V1_ConsoleRequest, _ session: ConsoleSession, _ outbox: ConsoleOutbox,
        _ work: inout ThrowingDiscardingTaskGroup<any Error>
    ) throws {
        switch request.request {
        case .evaluate(let evaluate):
            work.addTask {
                outbox.begin(request.id)
                let name = evaluate.name.isEmpty ? "console" : evaluate.name
                let outcome = await session.evaluate(evaluate.source, name: name)
                for change in session.takePlannedChanges() { outbox.add(request.id, .planned("\(change)")) }
                outbox.add(request.id, .init(outcome, mayContinue: evaluate.mayContinue))
            }
        case .interrupt:
            session.interrupt()
        case .complete(let complete):
            work.addTask {
                let completion = await session.complete(complete.text)
                outbox.add(
                    request.id,
                    .completions(
                        .with {
                            $0.replaced = UInt32(clamping: completion.replaced)
                            $0.candidates = completion.candidates
                            $0.hasMore_p = completion.hasMore
                        }))
            }
        case .open:
            throw GRPCStatus(.invalidArgument, "the session is open already")
        case nil:
            throw GRPCStatus(.invalidArgument, "a request of a session must be open, evaluate, interrupt or complete")
        }
    }
}

/// What a session has to send, in order. Lines that nobody fetches are left out after some thousands, and it is told how many; results
/// never are.
private final class ConsoleOutbox: Sendable {
    private static let mostLines = 10_000

    private struct State {
        var current: UInt64 = 0
        var lines = 0
        var dropped = 0
    }

    let responses: AsyncStream<Tidegate_Script_V1_ConsoleResponse>
    private let continuation: AsyncStream<Tidegate_Script_V1_ConsoleResponse>.Continuation
    private let state = Mutex(State())

    init() {
        (responses, continuation) = AsyncStream.makeStream(of: Tidegate_Script_V1_ConsoleResponse.self)
    }

    /// The lines from now on belong to this request.
    func begin(_ id: UInt64) { state.withLock { $0.current = id } }

    func add(_ line: ConsoleLine) {
        state.withLock { state in
            guard state.lines < Self.mostLines else {
                state.dropped += 1
                return
            }
            tellDropped(&state)
            yield(line.level.map { $0.label.lowercased() } ?? "", line.text, &state)
        }
    }

    func add(_ id: UInt64, _ response: Tidegate_Script_V1_ConsoleResponse.OneOf_Response) {
        state.withLock { state in
            tellDropped(&state)
            continuation.yield(
                .with {
                    $0.id = id
                    $0.response = response
                })
        }
    }

    func sent(_ response: Tidegate_Script_V1_ConsoleResponse) {
        guard case .output? = response.response else { return }
        state.withLock { $0.lines -= 1 }
    }

    func finish() { continuation.finish() }

    private func tellDropped(_ state: inout State) {
        guard state.dropped > 0 else { return }
        yield("warning", "… \(state.dropped) lines are left out", &state)
        state.dropped = 0
    }

    private func yield(_ level: String, _ text: String, _ state: inout State) {
        state.lines += 1
        let id = state.current
        continuation.yield(
            .with {
                $0.id = id
                $0.output = .with {
                    $0.level = level
                    $0.text = text
                }
            })
    }
}
