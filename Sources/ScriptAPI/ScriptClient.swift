// SPDX-License-Identifier: Apache-2.0
package import Automation
import ControlAPI
import Foundation
import GRPCWire
package import NIOCore
import SwiftProtobuf
package import XrayProtos

/// Calls the script service of a running core.
package final class ScriptClient: Sendable {
    /// The socket's path, or an address as the API's clients take it.
    package let target: String
    private let client: GRPCClient

    /// - Throws: ``ControlError`` if the target is no address.
    package init(target: String, group: any EventLoopGroup) throws {
        self.target = target
        do {
            client = try GRPCClient(target: target, group: group)
        } catch {
            throw ControlError(error.message)
        }
    }

    /// Connects without a call.
    package func connect() async throws { try await telling { try await client.connect() } }

    package func close() async { await client.close() }

    package func list() async throws -> [Tidegate_Script_V1_Script] {
        let answer: Tidegate_Script_V1_ListScriptsResponse = try await call(
            "ListScripts", Tidegate_Script_V1_ListScriptsRequest())
        return answer.scripts
    }

    package func script(_ name: String) async throws -> Tidegate_Script_V1_Script {
        try await call("GetScript", Self.named(name))
    }

    package func run(
        _ name: String, schedule: String, isDry: Bool
    ) async throws -> Tidegate_Script_V1_RunScriptResponse {
        try await call(
            "RunScript",
            Tidegate_Script_V1_RunScriptRequest.with {
                $0.name = name
                $0.schedule = schedule
                $0.dryRun = isDry
            })
    }

    /// The newest first; of all scripts for an empty name.
    package func runs(_ name: String, limit: Int) async throws -> [Tidegate_Script_V1_Run] {
        let answer: Tidegate_Script_V1_ListRunsResponse = try await call(
            "ListRuns",
            Tidegate_Script_V1_ListRunsRequest.with {
                $0.name = name
                $0.limit = UInt32(clamping: limit)
            })
        return answer.runs
    }

    package func setEnabled(_ isEnabled: Bool, _ name: String) async throws -> Tidegate_Script_V1_Script {
        try await call(isEnabled ? "EnableScript" : "DisableScript", Self.named(name))
    }

    package func reload(_ name: String) async throws -> Tidegate_Script_V1_Script {
        try await call("ReloadScript", Self.named(name))
    }

    package func kill(_ name: String) async throws -> Int {
        let answer: Tidegate_Script_V1_KillScriptResponse = try await call("KillScript", Self.named(name))
        return Int(answer.runs)
    }

    /// The last lines of the log, and with `follow` those that come, until the core stops or the reader's task is cancelled.
    package func log(
        _ name: String, last: Int, follow: Bool, _ body: (Tidegate_Script_V1_LogLine) throws -> Void
    ) async throws {
        let request = Tidegate_Script_V1_TailLogRequest.with {
            $0.name = name
            $0.last = UInt32(clamping: last)
            $0.follow = follow
        }
        try await telling {
            let lines = client.serverStreaming(Self.path("TailLog"), try encodeMessage(request))
            while let bytes = try await lines.next() {
                try body(decodeRequest(Tidegate_Script_V1_LogLine.self, from: bytes))
            }
        }
    }

    /// Opens a session.
    ///
    /// - Parameters:
    ///   - onLine: Takes what is printed and logged, in order with the results.
    ///   - onPlanned: Takes the changes that a session which is to make none would have made, before each result.
    package func openConsole(
        _ mode: ConsoleMode = .full, onLine: @escaping @Sendable (Tidegate_Script_V1_OutputLine) -> Void,
        onPlanned: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> ConsoleConnection {
        let (requests, responses) = client.streaming(Self.path("OpenConsole"))
        let connection = ConsoleConnection(
            requests: requests, responses: responses, onLine: onLine, onPlanned: onPlanned)
        try await connection.open(mode)
        return connection
    }

    // MARK: -

    private static func path(_ method: String) -> String { "/tidegate.script.v1.ScriptService/\(method)" }
    private static func named(_ name: String) -> Tidegate_Script_V1_ScriptName { .with { $0.name = name } }

    private func call<Request: Message, Response: Message>(
        _ method: String, _ request: Request
    ) async throws -> Response {
        try await telling {
            let bytes = try await client.unary(Self.path(method), encodeMessage(request))
            return try decodeRequest(Response.self, from: bytes)
        }
    }

    private func telling<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let status as GRPCStatus {
            throw ControlError(telling: status)
        }
    }
}

extension ControlError {
    init(telling status: GRPCStatus) {
        let code: Code =
            switch status.code {
            case .notFound: .notFound
            case .unimplemented: .unimplemented
            case .unavailable: .unavailable
            default: .unknown
            }
        self.init(code: code, status.message)
    }
}
