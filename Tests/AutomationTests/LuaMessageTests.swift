// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import SwiftProtobuf
import Testing
import XrayProtos

@testable import Automation

struct LuaMessageTests {
    /// A table in which every field is set, messages down to a depth.
    private static func sample(_ type: MessageDescriptor, depth: Int) -> LuaTable {
        var table = LuaTable()
        var oneofs: Set<Int> = []
        for field in type.fields {
            if let oneof = field.oneofIndex, !oneofs.insert(oneof).inserted { continue }
            if field.kind == .message, field.cardinality != .map, depth == 0 { continue }
            switch field.cardinality {
            case .single: table[field.name] = value(field, depth: depth)
            case .list:
                table[field.name] = .table(LuaTable(array: [value(field, depth: depth), value(field, depth: depth)]))
            case .map:
                guard let entry = field.messageType, let key = entry.mapKey, let content = entry.mapValue else {
                    continue
                }
                if content.kind == .message, depth == 0 { continue }
                table[field.name] = .table(LuaTable(fields: [value(key, depth: 0): value(content, depth: depth)]))
            }
        }
        return table
    }

    private static func value(_ field: FieldDescriptor, depth: Int) -> LuaValue {
        switch field.kind {
        case .double, .float: return 1.5
        case .bool: return true
        case .string: return "täxt"
        case .bytes: return .bytes([0xff, 0, 0x80])
        case .enumeration: return (field.enumType?.values.last?.name).map { .string($0) } ?? 0
        case .message:
            guard let type = field.messageType else { return [:] }
            guard type.fullName == "xray.common.serial.TypedMessage" else {
                return .table(sample(type, depth: depth - 1))
            }
            return ["_TypedMessage_": "xray.proxy.vless.Account", "id": "x", "testseed": [1, 2]]
        default: return 77
        }
    }

    /// What a script would see of the bytes.
    private static func decoded(_ bytes: [UInt8], _ type: MessageDescriptor) throws -> LuaTable {
        let state = try LuaState(limits: .none)
        defer { state.close() }
        try state.register("give") { call in
            try bytes.withUnsafeBytes { try LuaMessageDecoder.push($0, as: type, on: call) }
            return 1
        }
        return try #require(try state.evaluate("return give()").first?.table)
    }

    @Test func everyMessageTypeGoesThroughLuaUnchanged() throws {
        let names = DescriptorPool.shared.messageNames.filter { !$0.hasPrefix("google.") }
        #expect(names.count > 150)
        for name in names {
            let type = try #require(DescriptorPool.shared.message(name))
            guard name != "xray.common.serial.TypedMessage" else { continue }
            let bytes = try LuaMessageEncoder.encode(Self.sample(type, depth: 2), as: type)
            let table = try Self.decoded(bytes, type)
            #expect(try LuaMessageEncoder.encode(table, as: type) == bytes, "\(name)")
        }
    }

    @Test func hostileBytesAreRefused() throws {
        let type = try #require(DescriptorPool.shared.message("xray.app.stats.command.QueryStatsResponse"))
        let row: LuaValue = ["name": "n", "value": 300]
        let bytes = try LuaMessageEncoder.encode(
            LuaTable(fields: ["stat": .table(LuaTable(array: [row, row]))]), as: type)
        for length in 0..<bytes.count {
            let table = try? Self.decoded(Array(bytes[..<length]), type)
            #expect(table == nil || (table?["stat"].table?.array.count ?? 0) < 2)
        }
        #expect(throws: (any Error).self) { try Self.decoded([0xff, 0xff, 0xff], type) }
    }

    @Test func listsThatStandApartOnTheWireAreJoined() throws {
        let type = try #require(DescriptorPool.shared.message("xray.app.proxyman.command.GetInboundUserResponse"))
        let one: [UInt8] = [0x0a, 0x03, 0x12, 0x01, 0x61]
        let unknown: [UInt8] = [0x78, 0x01]
        let table = try Self.decoded(one + unknown + one, type)
        #expect(table["users"].table?.array.map { $0.table?["email"] } == ["a", "a"])
    }

    @Test func anUnknownTypeStaysRaw() throws {
        let type = try #require(DescriptorPool.shared.message("xray.common.protocol.User"))
        let raw: LuaValue = ["type": "some.Thing", "value": .bytes([0xff])]
        let bytes = try LuaMessageEncoder.encode(LuaTable(fields: ["account": raw]), as: type)
        #expect(try Self.decoded(bytes, type)["account"] == raw)
    }

    @Test func aTypeAndFieldsMakeATypedMessage() throws {
        let type = try #require(DescriptorPool.shared.message("xray.common.protocol.User"))
        for key in ["type", "_type", "_TypedMessage_"] {
            let account: LuaValue = .table(
                LuaTable(fields: [.string(key): "xray.proxy.vless.Account", "id": "x"]))
            let bytes = try LuaMessageEncoder.encode(LuaTable(fields: ["account": account]), as: type)
            let user = try Xray_Common_Protocol_User(serializedBytes: bytes)
            #expect(try user.account.typed(as: Xray_Proxy_Vless_Account.self)?.id == "x")
        }
    }

    @Test func namesOfJSONAreKnownToo() throws {
        let type = try #require(DescriptorPool.shared.message("xray.core.InboundHandlerConfig"))
        let proto = try LuaMessageEncoder.encode(
            LuaTable(fields: ["proxy_settings": ["type": "t", "value": ""]]), as: type)
        #expect(
            try LuaMessageEncoder.encode(LuaTable(fields: ["proxySettings": ["type": "t", "value": ""]]), as: type)
                == proto)
        #expect(throws: LuaError.self) {
            let both = LuaTable(fields: ["proxySettings": ["type": "t"], "proxy_settings": ["type": "t"]])
            return try LuaMessageEncoder.encode(both, as: type)
        }
    }
}
