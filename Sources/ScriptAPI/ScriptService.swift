// SPDX-License-Identifier: Apache-2.0
package import Automation
import ControlAPI
import Foundation
package import GRPCWire
import NIOCore
import ProxyModel
import SwiftProtobuf
import XrayProtos

/// `tidegate.script.v1.ScriptService` over an ``Automation``.
package struct ScriptService: Sendable {
    package static let fullName = "tidegate.script.v1.ScriptService"

    private let version: String
    private let automation: @Sendable () -> Automation?

    /// - Parameters:
    ///   - version: What sessions are told of the program.
    ///   - automation: Asked with each call; nil while no scripts run.
    package init(version: String, automation: @escaping @Sendable () -> Automation?) {
        self.version = version
        self.automation = automation
    }

    package func add(to table: inout GRPCHandlerTable.Builder) {
        unary("ListScripts", Tidegate_Script_V1_ListScriptsRequest.self, in: &table) { automation, _, _ in
            let scripts = await automation.status()
            return Tidegate_Script_V1_ListScriptsResponse.with { $0.scripts = scripts.map { .init($0) } }
        }
        unary("GetScript", Tidegate_Script_V1_ScriptName.self, in: &table) { automation, request, _ in
            try await Self.script(request.name, automation)
        }
        unary("RunScript", Tidegate_Script_V1_RunScriptRequest.self, in: &table) { automation, request, caller in
            try await Self.run(request, automation, caller)
        }
        unary("ListRuns", Tidegate_Script_V1_ListRunsRequest.self, in: &table) { automation, request, _ in
            try await Self.runs(request, automation)
        }
        unary("EnableScript", Tidegate_Script_V1_ScriptName.self, in: &table) { automation, request, caller in
            try await automation.setEnabled(true, script: request.name)
            automation.note("enabled by \(caller)", script: request.name)
            return try await Self.script(request.name, automation)
        }
        unary("DisableScript", Tidegate_Script_V1_ScriptName.self, in: &table) { automation, request, caller in
            try await automation.setEnabled(false, script: request.name)
            automation.note("disabled by \(caller)", script: request.name)
            return try await Self.script(request.name, automation)
        }
        unary("ReloadScript", Tidegate_Script_V1_ScriptName.self, in: &table) { automation, request, caller in
            let before = try await Self.script(request.name, automation)
            guard before.phase != "disabled" else {
                throw GRPCStatus(.failedPrecondition, "script \"\(request.name)\" is disabled")
            }
            automation.note("to be reloaded, by \(caller)", script: request.name)
            let isLoaded = await automation.reload(request.name)
            let script = try await Self.script(request.name, automation)
            guard isLoaded else {
                throw GRPCStatus(
                    .failedPrecondition, script.error.isEmpty ? "it is being loaded already" : script.error)
            }
            return script
        }
        unary("KillScript", Tidegate_Script_V1_ScriptName.self, in: &table) { automation, request, caller in
            let count = try await automation.kill(request.name, reason: "killed by \(caller)")
            automation.note("\(count) runs killed by \(caller)", script: request.name)
            return Tidegate_Script_V1_KillScriptResponse.with { $0.runs = UInt32(clamping: count) }
        }
        addLog(to: &table)
        addConsole(to: &table)
    }

    // MARK: - Calls

    private static func script(_ name: String, _ automation: Automation) async throws -> Tidegate_Script_V1_Script {
        guard let status = await automation.status(of: name) else {
            throw GRPCStatus(.notFound, "there is no script \"\(name)\"")
        }
        return .init(status)
    }

    private static func run(
        _ request: Tidegate_Script_V1_RunScriptRequest, _ automation: Automation, _ caller: ControlCaller
    ) async throws -> Tidegate_Script_V1_RunScriptResponse {
        _ = try await script(request.name, automation)
        let schedule = request.schedule.isEmpty ? nil : request.schedule
        guard !request.dryRun else {
            let run = try await automation.dryRun(request.name, schedule: schedule)
            return .with {
                $0.run = .init(run.record)
                $0.changes = run.changes.map { "\($0)" }
            }
        }
        automation.note("run by \(caller)", script: request.name)
        let record = try await automation.runNow(request.name, schedule: schedule)
        return .with { $0.run = .init(record) }
    }

    private static func runs(
        _ request: Tidegate_Script_V1_ListRunsRequest, _ automation: Automation
    ) async throws -> Tidegate_Script_V1_ListRunsResponse {
        if !request.name.isEmpty { _ = try await script(request.name, automation) }
        let limit = request.limit == 0 ? 50 : min(10_000, Int(request.limit))
        let runs = try automation.history(script: request.name.isEmpty ? nil : request.name, limit: limit)
        return .with { $0.runs = runs.map { .init($0) } }
    }

    private func addLog(to table: inout GRPCHandlerTable.Builder) {
        table.streaming("/\(Self.fullName)/TailLog") { [self] requests, responses, context in
            try await Self.answering {
                let request = try await Self.first(Tidegate_Script_V1_TailLogRequest.self, requests)
                let automation = try running()
                let name = request.name.isEmpty ? nil : request.name
                if let name, name != "console" { _ = try await Self.script(name, automation) }
                let last = Int(request.last)
                guard request.follow else {
                    for line in automation.logLines(script: name, last: last) {
                        try await responses.write(encodeMessage(Tidegate_Script_V1_LogLine(line)))
                    }
                    return
                }
                for await line in automation.followLog(script: name, last: last) {
                    try await responses.write(encodeMessage(Tidegate_Script_V1_LogLine(line)))
                }
            }
        }
    }

    private func addConsole(to table: inout GRPCHandlerTable.Builder) {
        table.streaming("/\(Self.fullName)/OpenConsole") { [self] requests, responses, context in
            try await Self.answering {
                let first = try await Self.first(Tidegate_Script_V1_ConsoleRequest.self, requests)
                guard case .open(let open) = first.request else {
                    throw GRPCStatus(.invalidArgument, "the first request of a session must be `open`")
                }
                let caller = CallerName.caller(context)
                try await ConsoleCall(requests: requests, responses: responses).run(
                    open, id: first.id, by: caller, version: version, on: running())
            }
        }
    }

    // MARK: - Frame

    private func running() throws -> Automation {
        guard let automation = automation() else { throw GRPCStatus(.unavailable, "no scripts are running") }
        return automation
    }

    private func unary<Request: Message, Response: Message>(
        _ method: String, _ type: Request.Type, in table: inout GRPCHandlerTable.Builder,
        _ body: @escaping @Sendable (Automation, Request, ControlCaller) async throws -> Response
    ) {
        let handler: GRPCHandlerTable.AsyncUnary = { [self] bytes, context in
            var answer = ByteBuffer()
            try await Self.answering {
                let request = try decodeRequest(Request.self, from: bytes)
                answer = try encodeMessage(await body(running(), request, CallerName.caller(context)))
            }
            return answer
        }
        table.unary("/\(Self.fullName)/\(method)", async: handler)
    }

    private static func first<Request: Message>(
        _ type: Request.Type, _ requests: GRPCInboundStream
    ) async throws -> Request {
        guard let bytes = try await requests.next() else {
            throw GRPCStatus(.internal, "cardinality violation: received no request message")
        }
        return try decodeRequest(type, from: bytes)
    }

    /// Gives errors the statuses that clients are told.
    private static func answering(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as AutomationError {
            throw GRPCStatus(code(of: error), error.description)
        } catch let error as ControlError {
            throw GRPCStatus(error.code == .malformed ? .internal : .unknown, error.message)
        }
    }

    private static func code(of error: AutomationError) -> GRPCStatus.Code {
        switch error.code {
        case .settings: .notFound
        case .closed: .unavailable
        case .limit: .resourceExhausted
        case .script, .syntax: .failedPrecondition
        default: .internal
        }
    }
}
