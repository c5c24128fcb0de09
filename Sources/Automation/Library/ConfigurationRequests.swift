// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import SwiftProtobuf
import XrayProtos

/// Requests to add something, from the table that a script gives: the message of the API, or the object of the configuration.
struct ConfigurationRequests {
    let objects: ConfigurationObjects?

    /// The request's bytes when the table holds objects of the configuration; nil when it is the message itself.
    func bytes(for method: String, _ table: LuaTable) throws -> [UInt8]? {
        switch method {
        case "AddInbound":
            guard let object = Self.object(in: table, named: "inbound") else { return nil }
            return try addInbound(object).serializedBytes()
        case "AddOutbound":
            guard let object = Self.object(in: table, named: "outbound") else { return nil }
            return try addOutbound(object).serializedBytes()
        case "AddRule":
            guard table["config"].isNil else { return nil }
            let append = table["shouldAppend"].boolean ?? true
            if let rules = table["rules"].table {
                return try addRules(rules.array.compactMap(\.table), append: append).serializedBytes()
            }
            guard !table.isEmpty else { return nil }
            var rule = table
            rule["shouldAppend"] = .nil
            return try addRules([rule], append: append).serializedBytes()
        default: return nil
        }
    }

    func addInbound(_ object: LuaTable) throws -> Xray_App_Proxyman_Command_AddInboundRequest {
        var request = Xray_App_Proxyman_Command_AddInboundRequest()
        request.inbound = try read(object, "inbound") { try $0.inbound($1) }
        return request
    }

    func addOutbound(_ object: LuaTable) throws -> Xray_App_Proxyman_Command_AddOutboundRequest {
        var request = Xray_App_Proxyman_Command_AddOutboundRequest()
        request.outbound = try read(object, "outbound") { try $0.outbound($1) }
        return request
    }

    func addRules(_ rules: [LuaTable], append: Bool) throws -> Xray_App_Router_Command_AddRuleRequest {
        var config = Xray_App_Router_Config()
        config.rule = try rules.map { rule in try read(rule, "rule") { try $0.rule($1) } }
        var request = Xray_App_Router_Command_AddRuleRequest()
        request.config = try TypedMessages.pack(config)
        request.shouldAppend = append
        return request
    }

    /// The message has a field `proxy_settings`, the object one `protocol`.
    private static func object(in table: LuaTable, named name: String) -> LuaTable? {
        if !table["protocol"].isNil { return table }
        guard let inner = table[name].table, !inner["protocol"].isNil else { return nil }
        return inner
    }

    private func read<Value>(
        _ object: LuaTable, _ name: String, _ body: (ConfigurationObjects, String) throws -> Value
    ) throws -> Value {
        guard let objects else { throw LuaError("objects of the configuration are not understood here") }
        let json = try LuaJSON.encode(.table(object))
        do {
            return try body(objects, json)
        } catch {
            throw LuaError("\(name): \(error)")
        }
    }
}
