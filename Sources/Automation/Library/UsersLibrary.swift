// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import SwiftProtobuf
import XrayProtos

extension Library {
    /// `users.list(tag)`, `users.get(tag, email)`, `users.count(tag)`, `users.add(tag, user)`, `users.remove(tag, email)`,
    /// `users.traffic(email)`.
    ///
    /// A user is `{ email, level, protocol, account = { _TypedMessage_, … } }`, and what `users.get` gives can be given to `users.add`.
    /// A new user's fields may stand beside the e-mail: `users.add("in", { email = …, id = … })`; the type of the account is then that
    /// of the field `protocol`, or else of the inbound's protocol, which is looked up. `users.add` and `users.remove` give true,
    /// or nil and a message when the core refuses.
    static func installUsers(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        try register(call: "users.list", in: state, for: script) { call in
            let tag = try call.string(1)
            return try perform(call, script) {
                let users = try await users(tag, email: "", control)
                return ScriptAnswer { call in
                    call.beginTable(array: users.count)
                    for (index, user) in users.enumerated() {
                        try push(user: user, on: call)
                        call.endElement(index + 1)
                    }
                    return 1
                }
            }
        }
        try register(call: "users.get", in: state, for: script) { call in
            let (tag, email) = (try call.string(1), try call.string(2))
            guard !email.isEmpty else { throw call.argumentError(2, "e-mail is empty") }
            return try perform(call, script) {
                // An unknown user is answered with a user without an e-mail.
                let user = try await users(tag, email: email, control).first { !$0.email.isEmpty }
                return ScriptAnswer { call in
                    if let user { try push(user: user, on: call) } else { call.pushNil() }
                    return 1
                }
            }
        }
        try register(call: "users.count", in: state, for: script) { call in
            var request = Xray_App_Proxyman_Command_GetInboundUserRequest()
            request.tag = try call.string(1)
            call.push(try control.getInboundUsersCount(request).count)
            return 1
        }
        try installUserChanges(in: state, for: script)
        try installOnline(in: state, for: script)
        try register(call: "users.traffic", in: state, for: script) { call in
            let email = try call.string(1)
            let up = control.counterValue(named: "user>>>\(email)>>>traffic>>>uplink") ?? 0
            let down = control.counterValue(named: "user>>>\(email)>>>traffic>>>downlink") ?? 0
            call.beginTable(fields: 3)
            call.setField("up", up)
            call.setField("down", down)
            call.setField("total", up &+ down)
            return 1
        }
    }

    private static func installOnline(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        try register(call: "users.online", in: state, for: script) { call in
            try perform(call, script) {
                let names = try await control.getAllOnlineUsers(.init()).users
                return ScriptAnswer { call in
                    call.beginTable(array: names.count)
                    for (index, name) in names.enumerated() {
                        call.setElement(index + 1, Self.email(inOnlineName: name))
                    }
                    return 1
                }
            }
        }
        try register(call: "users.ips", in: state, for: script) { call in
            var request = Xray_App_Stats_Command_GetStatsRequest()
            request.name = "user>>>\(try call.string(1))>>>online"
            do {
                let ips = try control.getStatsOnlineIPList(request).ips
                call.beginTable(fields: ips.count)
                for (ip, seen) in ips { call.setField(ip, seen) }
            } catch let error as ControlError where error.code == .notFound {
                call.beginTable()
            }
            return 1
        }
    }

    /// `user>>>a@example.com>>>online` → `a@example.com`.
    private static func email(inOnlineName name: String) -> String {
        let parts = name.split(separator: ">>>", omittingEmptySubsequences: false)
        return parts.count == 3 ? String(parts[1]) : name
    }

    private static func installUserChanges(in state: LuaState, for script: ScriptInstance) throws {
        let control = script.context.control
        let caller = script.caller
        try register(call: "users.add", in: state, for: script) { call in
            let (tag, table) = (try call.string(1), try call.table(2))
            let account = table["account"].table ?? table
            let type = try account.text("_TypedMessage_") ?? account.text("_type")
            if let name = try table.text("protocol") ?? type.map({ UserAccount.protocolName(ofAccount: $0) }) {
                let operation = addition(try UserAccount.user(table, protocol: name))
                return try answer(call) { try alter(tag, operation, control, caller) }
            }
            return try perform(call, script) {
                do {
                    let name = try await protocolName(ofInbound: tag, control)
                    let operation = addition(try UserAccount.user(table, protocol: name))
                    try alter(tag, operation, control, caller)
                    return ScriptAnswer { call in
                        _ = try answer(call) {}; return 1
                    }
                } catch let error as ControlError where error.code != .refused {
                    return ScriptAnswer { call in
                        _ = try answer(call) { throw error }; return 2
                    }
                }
            }
        }
        try register(call: "users.remove", in: state, for: script) { call in
            let (tag, email) = (try call.string(1), try call.string(2))
            let operation: LuaValue = [
                "_type": "xray.app.proxyman.command.RemoveUserOperation", "email": .string(email),
            ]
            return try answer(call) { try alter(tag, operation, control, caller) }
        }
    }

    /// Pushes true, or nil and the message of a refusal.
    static func answer(_ call: LuaCall, _ change: () throws -> Void) throws -> LuaReturn {
        do {
            try change()
            call.push(true)
            return 1
        } catch let error as ControlError where error.code == .refused {
            // Not an answer to work with, but something that must not be overlooked.
            throw error
        } catch {
            call.pushNil()
            call.push("\(error)")
            return 2
        }
    }

    private static func addition(_ user: LuaTable) -> LuaValue {
        ["_type": "xray.app.proxyman.command.AddUserOperation", "user": .table(user)]
    }

    private static func alter(
        _ tag: String, _ operation: LuaValue, _ control: any ControlPlane, _ caller: ControlCaller
    ) throws {
        guard let type = DescriptorPool.shared.message("xray.app.proxyman.command.AlterInboundRequest") else { return }
        let request = LuaTable(fields: ["tag": .string(tag), "operation": operation])
        let bytes = try LuaMessageEncoder.encode(request, as: type)
        _ = try control.alterInbound(.init(serializedBytes: bytes), by: caller)
    }

    private static func users(
        _ tag: String, email: String, _ control: any ControlPlane
    ) async throws -> [Xray_Common_Protocol_User] {
        var request = Xray_App_Proxyman_Command_GetInboundUserRequest()
        request.tag = tag
        request.email = email
        return try await control.getInboundUsers(request).users
    }

    private static func protocolName(ofInbound tag: String, _ control: any ControlPlane) async throws -> String {
        let inbounds = try await control.listInbounds(.init()).inbounds
        guard let inbound = inbounds.first(where: { $0.tag == tag }) else {
            throw ControlError("handler not found: \(tag)")
        }
        return UserAccount.protocolName(ofSettings: inbound.proxySettings.type)
    }

    private static func push(user: Xray_Common_Protocol_User, on call: LuaCall) throws {
        try push(user, on: call)
        call.setField("protocol", UserAccount.protocolName(ofAccount: user.account.type))
    }

    /// Pushes any message as its table.
    static func push(_ message: some Message, on call: LuaCall) throws {
        let type = Swift.type(of: message).protoMessageName
        guard let descriptor = DescriptorPool.shared.message(type) else {
            throw LuaError("message type \(type) is not described")
        }
        let bytes: [UInt8] = try message.serializedBytes()
        try bytes.withUnsafeBytes { try LuaMessageDecoder.push($0, as: descriptor, on: call) }
    }
}

extension Library {
    static let userReference: [LibraryEntry] = [
        LibraryEntry(
            "users.list", "users.list(inbound) -> users",
            "The users of an inbound: a list of `{ email, level, protocol, account }`.",
            example: #"for _, user in ipairs(users.list("vless-in")) do print(user.email) end"#, waits: true),
        LibraryEntry(
            "users.get", "users.get(inbound, email) -> user | nil",
            "One user of an inbound, or nil when there is none of that e-mail. What it gives can be given to `users.add`.",
            waits: true),
        LibraryEntry("users.count", "users.count(inbound) -> integer", "How many users an inbound has."),
        LibraryEntry(
            "users.add", "users.add(inbound, user) -> true | nil, message",
            """
            Adds a user. `user` is `{ email, id or password, flow, level }`, or what `users.get` gave. The account is of the \
            type of the field `protocol`, else of the inbound's protocol, for which the call waits. Gives nil and why not \
            when the core refuses.
            """,
            example:
                #"users.add("vless-in", { email = "a@example.com", id = "27848739-7e62-4138-9fd3-098a63964b6b" })"#,
            waits: true),
        LibraryEntry(
            "users.remove", "users.remove(inbound, email) -> true | nil, message",
            "Removes a user; connections that are open go on (see `flows.close`). It holds until the process ends, as the next one has the"
                + " users of the configuration, or a reload finds that the files say something new of the user or the inbound."
                + " Gives nil and why not when the core refuses.",
            example: """
                users.remove("vless-in", "a@example.com")
                flows.close{ email = "a@example.com" }
                """),
        LibraryEntry(
            "users.online", "users.online() -> emails",
            "The users that are connected now, where their policy has `statsUserOnline`: a list of e-mails.",
            waits: true),
        LibraryEntry(
            "users.ips", "users.ips(email) -> table",
            "From where a user is connected: when an address was last seen (seconds since 1970), by address.",
            example: #"for ip, seen in pairs(users.ips("a@example.com")) do print(ip, time.format(seen)) end"#),
        LibraryEntry(
            "users.traffic", "users.traffic(email) -> { up, down, total }",
            "The bytes that are counted for a user; `total` is `up` and `down` together. They count from the start of the process or"
                + " the counters' last reset (`reset` of `stats.get`, `stats.query` and the API); 0 where nothing is counted."
        ),
    ]
}
