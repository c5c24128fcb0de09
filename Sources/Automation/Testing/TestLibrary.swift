// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import LuaRuntime
import ProxyModel
import Synchronization

/// What test files can call: the library of scripts, over the core of the test, and the test's own world.
struct TestLibrary: Sendable {
    let stage: ScriptStage
    /// Where files of scripts are looked for.
    let folder: URL
    /// Called for each `test(name, fn)`.
    let onTest: @Sendable (String, LuaFunctionRef) throws -> Void

    func install(in state: LuaState, for script: ScriptInstance) throws {
        try state.register("test") { call in
            try onTest(try call.string(1), try call.function(2))
            return 0
        }
        var host = LuaTable()
        try installScripts(in: state, for: script, to: &host)
        try installTime(in: state, for: script)
        try installHTTP(in: state)
        try installPeers(in: state, for: script, to: &host)
        _ = try state.evaluate(TestPrelude.source, name: "prelude", arguments: [.table(host)])
    }

    /// Does something in the stage, lets the scripts do what follows from it, and pushes the result.
    private func act<Value: Sendable>(
        _ script: ScriptInstance, _ body: @escaping @Sendable () async throws -> Value,
        push: @escaping @Sendable (LuaCall, Value) throws -> Int
    ) throws -> LuaReturn {
        guard script.transaction == nil else { throw LuaError("tests cannot wait inside store.transaction") }
        let operation: @Sendable () async throws -> ScriptAnswer = { [stage] in
            let value = try await body()
            try await stage.settle()
            return ScriptAnswer { try push($0, value) }
        }
        return .yield(ScriptWait.perform(operation))
    }

    private func act(
        _ script: ScriptInstance, _ body: @escaping @Sendable () async throws -> Void
    ) throws -> LuaReturn {
        try act(script, body) { _, _ in 0 }
    }

    // MARK: - Scripts

    /// Functions of a script's name, which the prelude turns into methods.
    private func installScripts(in state: LuaState, for script: ScriptInstance, to host: inout LuaTable) throws {
        let stage = stage
        func add(_ name: String, _ body: @escaping LuaHostBody) throws {
            host[name] = .function(try state.makeFunction(name: name, body))
        }
        try add("script") { [self, folder] call in
            let path = URL(fileURLWithPath: try call.string(1), relativeTo: folder).standardizedFileURL.path
            let options = try call.options(3, ["name"])
            let stem = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
            var item = AutomationSettings.Script(name: try options.text("name") ?? stem, path: path)
            if let settings = try call.optionalTable(2) { item.settings = try LuaJSON.encode(.table(settings)) }
            return try act(script) { [item] in
                try await stage.start(item)
            } push: { [item] call, _ in
                call.push(item.name)
                return 1
            }
        }
        try add("log") { call in
            let name = try call.string(1)
            let lines = stage.lines.filter { $0.script == name && !Self.isRoutine($0.text) }
            call.beginTable(array: lines.count)
            for (index, line) in lines.enumerated() {
                call.setElement(index + 1, "[\(line.level.label)] \(line.text)")
            }
            return 1
        }
        try add("calls") { call in
            let (script, name) = (try call.string(1), try call.optionalString(2))
            let calls = stage.control.calls.filter { $0.caller == .script(name: script) && $0.name == name ?? $0.name }
            call.beginTable(array: calls.count)
            for (index, made) in calls.enumerated() {
                call.beginTable(fields: 2)
                call.setField("name", made.name)
                if let request = made.request {
                    try Library.push(request, on: call)
                    call.endField("request")
                }
                call.endElement(index + 1)
            }
            return 1
        }
        try add("stored") { call in
            if let value = try stage.stored(try call.string(2), script: try call.string(1)) {
                call.push(try LuaJSON.decode(value.json))
            } else {
                call.pushNil()
            }
            return 1
        }
        try add("keys") { call in
            let keys = try stage.storedKeys(try call.optionalString(2) ?? "", script: try call.string(1))
            call.push(.table(LuaTable(array: keys.map { .string($0) })))
            return 1
        }
        try add("reload") { [self] call in
            let name = try call.string(1)
            return try act(script) {
                try await stage.reload(name)
            } push: { call, isLoaded in
                call.push(isLoaded)
                return 1
            }
        }
        try add("stop") { [self] call in
            let name = try call.string(1)
            return try act(script) { try await stage.stop(name) }
        }
        try add("run") { [self] call in
            let (name, schedule) = (try call.string(1), try call.optionalString(2))
            return try act(script) {
                let record = try await stage.run(name, schedule: schedule)
                guard record.outcome == .ok else { throw LuaError(record.error) }
            }
        }
        try state.register("restart") { [self] _ in try act(script) { try await stage.restart() } }
    }

    /// What the automation says of every script that it loads.
    private static func isRoutine(_ line: String) -> Bool {
        line.wholeMatch(of: /(re)?loaded, \d+ schedules?(, \d+ subscriptions?)?/) != nil
    }

    // MARK: - Time

    private func installTime(in state: LuaState, for script: ScriptInstance) throws {
        let stage = stage
        try state.register("advance") { [self] call in
            let duration = try call.duration(1)
            return try act(script) { try await stage.advance(by: duration) }
        }
        try state.register("clock") { [self] call in
            let zone = try call.optionalString(2).map { try Library.timeZone($0) } ?? stage.zone
            guard let civil = CivilTime(parsing: try call.string(1)) else {
                throw call.argumentError(1, "not a time such as 2026-03-31 or 2026-03-31 18:00")
            }
            let wall = Date(
                timeIntervalSince1970: Double(ZoneOffsets.offsets(of: zone).instant(ofCivil: civil.seconds)))
            stage.setCalendar(to: wall, zone: zone)
            // Schedules by the calendar notice now, and not when something else is due.
            return try act(script) { try await stage.advance(by: .zero) }
        }
    }

    // MARK: - Requests

    private func installHTTP(in state: LuaState) throws {
        let http = stage.http
        try state.register("answer") { call in
            let url = try call.string(1)
            let table = try call.options(2, ["status", "headers", "body", "fail", "times"])
            var response = ScriptHTTPResponse(status: Int(clamping: table["status"].integer ?? 200))
            response.body = table["body"].bytes ?? []
            let headers = table["headers"].table ?? LuaTable()
            response.headers = headers.names.map { (name: $0, value: headers[$0].text) }
            http.prepare(
                StageHTTP.Answer(
                    url: Glob(url), response: response, failure: try table.text("fail"),
                    times: table["times"].integer.map { Int(clamping: $0) }))
            return 0
        }
        try state.register("requests") { call in
            let requests = http.requests
            call.beginTable(array: requests.count)
            for (index, request) in requests.enumerated() {
                call.beginTable(fields: 4)
                call.setField("method", request.method)
                call.setField("url", request.url)
                call.setField("body", bytes: request.body)
                call.beginTable(fields: request.headers.count)
                for (name, value) in request.headers { call.setField(name, value) }
                call.endField("headers")
                call.endElement(index + 1)
            }
            return 1
        }
    }

    // MARK: - The core and its peers

    /// What the prelude wraps.
    private func installPeers(in state: LuaState, for script: ScriptInstance, to host: inout LuaTable) throws {
        let stage = stage
        host["configure"] = .function(
            try state.makeFunction(name: "core") { [self] call in
                let text = try call.string(1)
                return try act(script) { try await stage.configure(text) }
            })
        host["connect"] = .function(
            try state.makeFunction(name: "connect") { [self] call in
                let connection = try connection(call)
                return try act(script) { () -> Result<FlowSummary, ControlError> in
                    do {
                        return .success(try await stage.core.connect(connection))
                    } catch let error as ControlError {
                        return .failure(error)
                    }
                } push: { call, result in
                    switch result {
                    case .success(let flow):
                        Self.push(flow, on: call)
                        return 1
                    case .failure(let error):
                        call.pushNil()
                        call.push(error.message)
                        return 2
                    }
                }
            })
        host["move"] = .function(
            try state.makeFunction(name: "move") { [self] call in
                let (id, up, down) = (try call.integer(1), try call.integer(2), try call.integer(3))
                guard up >= 0, down >= 0 else { throw call.argumentError(2, "not a number of bytes") }
                return try act(script) {
                    await stage.core.move(UInt64(bitPattern: id), up: up, down: down)
                } push: { call, isLive in
                    call.push(isLive)
                    return 1
                }
            })
        host["disconnect"] = .function(
            try state.makeFunction(name: "disconnect") { [self] call in
                let id = UInt64(bitPattern: try call.integer(1))
                return try act(script) {
                    await stage.core.disconnect(id)
                } push: { call, wasLive in
                    call.push(wasLive)
                    return 1
                }
            })
        try state.register("reject") { [self] call in
            let (inbound, source) = (try call.string(1), try endpoint(try call.string(2)))
            let reason = try call.optionalString(3) ?? "invalid request"
            return try act(script) { try stage.core.reject(inbound: inbound, source: source, reason: reason) }
        }
    }

    private func connection(_ call: LuaCall) throws -> RehearsedConnection {
        let options = try call.options(2, ["inbound", "source", "target"])
        let target = try options.text("target") ?? "example.com:443"
        guard let colon = target.lastIndex(of: ":"), let port = UInt16(target[target.index(after: colon)...]) else {
            throw LuaError("target: host:port is expected, found \"\(target)\"")
        }
        return RehearsedConnection(
            inbound: try options.text("inbound"), email: try call.string(1),
            source: try endpoint(try options.text("source") ?? "192.0.2.1"),
            target: Destination(network: .tcp, address: Address(String(target[..<colon])), port: port))
    }

    private func endpoint(_ text: String) throws -> Endpoint {
        guard let address = IPAddress(text) else { throw LuaError("source: not an IP address: \"\(text)\"") }
        return Endpoint(ip: address, port: 40_000)
    }

    private static func push(_ flow: FlowSummary, on call: LuaCall) {
        call.beginTable(fields: 6)
        call.setField("id", Int64(bitPattern: flow.id))
        call.setField("inbound", flow.inbound)
        call.setField("outbound", flow.outbound)
        call.setField("email", flow.email)
        call.setField("source", flow.source.ip.description)
        call.setField("target", flow.target.description)
    }
}
