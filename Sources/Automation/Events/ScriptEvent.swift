// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import ProxyModel

/// An event as scripts see it: a name and fields.
struct ScriptEvent: Sendable, Equatable {
    var name: String
    var fields: [(name: String, value: LuaValue)]

    subscript(field: String) -> LuaValue? { fields.first { $0.name == field }?.value }

    static func == (left: ScriptEvent, right: ScriptEvent) -> Bool {
        left.name == right.name && left.fields.elementsEqual(right.fields) { $0 == $1 }
    }

    init(_ name: String, _ fields: [(String, LuaValue)] = []) {
        self.name = name
        self.fields = fields.map { (name: $0.0, value: $0.1) }
    }

    init(_ kind: CoreEvent.Kind) {
        switch kind {
        case .inboundAdded(let tag): self.init("inbound.added", [("tag", .string(tag))])
        case .inboundRemoved(let tag): self.init("inbound.removed", [("tag", .string(tag))])
        case .outboundAdded(let tag): self.init("outbound.added", [("tag", .string(tag))])
        case .outboundRemoved(let tag): self.init("outbound.removed", [("tag", .string(tag))])
        case .userAdded(let inbound, let email):
            self.init("user.added", [("inbound", .string(inbound)), ("email", .string(email))])
        case .userRemoved(let inbound, let email):
            self.init("user.removed", [("inbound", .string(inbound)), ("email", .string(email))])
        case .userOnline(let email, let source):
            self.init("user.online", [("email", .string(email)), ("source", .string(source.description))])
        case .userOffline(let email, let source):
            self.init("user.offline", [("email", .string(email)), ("source", .string(source.description))])
        case .rulesChanged: self.init("rule.changed")
        case .balancerChanged(let tag, let target, let outbounds):
            self.init(
                "balancer.changed",
                [
                    ("tag", .string(tag)), ("target", .string(target)),
                    ("outbounds", .table(LuaTable(array: outbounds.map { .string($0) }))),
                ])
        case .flowOpened(let flow): self.init("flow.opened", Self.fields(of: flow))
        case .flowClosed(let flow, let up, let down):
            self.init("flow.closed", Self.fields(of: flow) + [("up", .integer(up)), ("down", .integer(down))])
        case .connectionRejected(let inbound, let source, let reason):
            self.init(
                "connection.rejected",
                [
                    ("inbound", .string(inbound)), ("source", .string(source.description)), ("reason", .string(reason)),
                ])
        case .logLine(let level, let text): self.init("log", Self.fields(of: text, level))
        case .loggerRestarted: self.init("logger.restarted")
        case .configurationReloaded(let changes, let caller):
            self.init("config.reloaded", [("changes", .integer(Int64(changes))), ("by", .string(caller))])
        case .script(let event):
            let fields = (try? LuaJSON.decode(event.fields))?.table ?? LuaTable()
            self.init(event.name, fields.names.map { ($0, fields[$0]) } + [("script", .string(event.script))])
        }
    }

    init(_ crossing: CounterCrossing) {
        let parts = crossing.counter.split(separator: ">>>", omittingEmptySubsequences: false).map(String.init)
        var fields: [(String, LuaValue)] = [
            ("counter", .string(crossing.counter)), ("value", .integer(crossing.value)),
            ("threshold", .integer(crossing.threshold)),
        ]
        if parts.count > 1 { fields.append((parts[0] == "user" ? "email" : "tag", .string(parts[1]))) }
        self.init("counter.crossed", fields)
    }

    private static func fields(of flow: FlowSummary) -> [(String, LuaValue)] {
        [
            ("id", .integer(Int64(bitPattern: flow.id))), ("inbound", .string(flow.inbound)),
            ("outbound", .string(flow.outbound)), ("email", .string(flow.email)),
            ("source", .string(flow.source.description)), ("target", .string(flow.target.description)),
        ]
    }

    /// `[Info] [12] app/dispatcher: text` → module and text.
    private static func fields(of line: String, _ level: LogLevel) -> [(String, LuaValue)] {
        var rest = line[...]
        while rest.first == "[", let end = rest.firstRange(of: "] ") { rest = rest[end.upperBound...] }
        var module = ""
        if let colon = rest.firstRange(of: ": "), !rest[..<colon.lowerBound].contains(" ") {
            module = String(rest[..<colon.lowerBound])
            rest = rest[colon.upperBound...]
        }
        return [
            ("level", .string(level.label.lowercased())), ("module", .string(module)),
            ("message", .string(String(rest))),
        ]
    }

    /// What a handler gets.
    func table(dropped: Int = 0) -> LuaValue {
        var table = LuaTable()
        table["name"] = .string(name)
        for (name, value) in fields { table[name] = value }
        if dropped > 0 { table["dropped"] = .integer(Int64(dropped)) }
        return .table(table)
    }
}
