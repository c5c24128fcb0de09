// SPDX-License-Identifier: Apache-2.0

import Foundation
import SwiftProtobuf
import Testing
import XrayProtos

struct DescriptorPoolTests {
    let pool = DescriptorPool.shared

    @Test func everyGeneratedTypeHasADescriptor() {
        #expect(TypedMessages.names == pool.messageNames)
        #expect(TypedMessages.names.count == 295)
    }

    @Test func filesFollowTheirImports() {
        var seen: Set<String> = []
        for file in pool.files {
            #expect(file.dependencies.allSatisfy(seen.contains), "\(file.name)")
            seen.insert(file.name)
        }
        #expect(seen.count == 84)
    }

    @Test func aFileCarriesItsEncodedDescriptor() throws {
        let file = try #require(pool.file(named: "app/stats/command/command.proto"))
        let proto = try Google_Protobuf_FileDescriptorProto(serializedBytes: file.serialized)
        #expect(proto.package == "xray.app.stats.command")
        #expect(proto.service.map(\.name) == ["StatsService"])
        #expect(proto.sourceCodeInfo == .init())
        #expect(pool.file(named: "app/stats/command/missing.proto") == nil)
    }

    @Test(arguments: [
        ("xray.app.stats.command.StatsService", "app/stats/command/command.proto"),
        ("xray.app.stats.command.StatsService.QueryStats", "app/stats/command/command.proto"),
        ("xray.common.geodata.Domain.Attribute", "common/geodata/geodat.proto"),
        ("xray.common.geodata.Domain.Type", "common/geodata/geodat.proto"),
        ("xray.common.geodata.Domain.Regex", "common/geodata/geodat.proto"),
        ("xray.common.geodata.Domain.Attribute.typed_value", "common/geodata/geodat.proto"),
        ("xray.common.net.TCP", "common/net/network.proto"),
        ("xray.common.protocol.User.email", "common/protocol/user.proto"),
        ("grpc.reflection.v1alpha.ServerReflection", "grpc/reflection/v1alpha/reflection.proto"),
    ])
    func symbolsOfEveryKindNameTheirFile(symbol: String, file: String) {
        #expect(pool.file(containingSymbol: symbol)?.name == file)
    }

    @Test(arguments: ["", "xray", "xray.app.stats.command", "v2ray.core.app.stats.command.StatsService", "no.such"])
    func whatIsNotDeclaredIsNoSymbol(symbol: String) {
        #expect(pool.file(containingSymbol: symbol) == nil)
    }

    @Test func fieldsAreFoundByNumberNameAndJSONName() throws {
        let rule = try #require(pool.message("xray.app.router.RoutingRule"))
        let field = try #require(rule.field(number: 16))
        #expect(field.name == "source_port_list")
        #expect(field.jsonName == "sourcePortList")
        #expect(rule.field(named: "source_port_list") === field)
        #expect(rule.field(named: "sourcePortList") === field)
        #expect(field.messageType === pool.message("xray.common.net.PortList"))
        #expect(rule.field(number: 3) == nil)
        #expect(rule.field(number: 999) == nil)
        #expect(rule.field(number: -1) == nil)
        #expect(rule.oneofs == ["target_tag"])
        #expect(rule.field(number: 12)?.oneofIndex == 0)
        #expect(rule.field(number: 15)?.cardinality == .map)
        #expect(pool.message("xray.app.reverse.Control")?.field(number: 99)?.name == "random")
    }

    @Test(arguments: [
        ("xray.app.stats.command.SysStatsResponse", "NumGoroutine"),
        ("xray.app.router.command.RoutingContext", "InboundTag"),
        ("xray.app.proxyman.command.ListInboundsRequest", "isOnlyTags"),
        ("xray.app.proxyman.MultiplexingConfig", "xudpProxyUDP443"),
        ("xray.proxy.wireguard.DeviceConfig", "reserved"),
    ])
    func unusualSpellingsAreKept(message: String, field: String) throws {
        let found = try #require(pool.message(message)?.field(named: field))
        #expect(found.name == field)
        #expect(found.jsonName == field)
    }

    @Test func optionalFieldsHavePresenceAndNoOneof() throws {
        let server = try #require(pool.message("xray.app.dns.NameServer"))
        #expect(server.oneofs.isEmpty)
        let present = server.fields.filter(\.hasPresence).map(\.name)
        #expect(present == ["address", "disableCache", "serveStale", "serveExpiredTTL"])
        #expect(server.fields.allSatisfy { $0.oneofIndex == nil })
    }

    @Test func enumValuesAreFoundBothWays() throws {
        let type = try #require(pool.enumeration("xray.common.net.Network"))
        #expect(type.name(of: 4) == "UNIX")
        #expect(type.number(named: "UDP") == 3)
        #expect(type.name(of: 1) == nil)
        #expect(type.number(named: "udp") == nil)
    }

    @Test(arguments: [
        ("xray.app.proxyman.command.HandlerService", 10), ("xray.app.router.command.RoutingService", 7),
        ("xray.app.stats.command.StatsService", 7), ("xray.app.log.command.LoggerService", 1),
        ("xray.core.app.observatory.command.ObservatoryService", 1), ("tidegate.core.v1.FlowService", 2),
        ("xray.transport.internet.grpc.encoding.GRPCService", 2), ("grpc.health.v1.Health", 3),
        ("grpc.reflection.v1.ServerReflection", 1), ("grpc.reflection.v1alpha.ServerReflection", 1),
    ])
    func everyServiceIsDescribed(name: String, methods: Int) throws {
        let service = try #require(pool.service(name))
        #expect(service.methods.count == methods)
        for method in service.methods {
            #expect(method.path == "/\(name)/\(method.name)")
            #expect(pool.method(path: method.path) === method)
            #expect(TypedMessages.type(named: method.input.fullName) != nil)
            #expect(TypedMessages.type(named: method.output.fullName) != nil)
        }
    }

    @Test func streamingIsTold() throws {
        let subscribe = try #require(pool.method(path: "/xray.app.router.command.RoutingService/SubscribeRoutingStats"))
        #expect(!subscribe.clientStreaming && subscribe.serverStreaming && !subscribe.isUnary)
        let tun = try #require(pool.method(path: "/xray.transport.internet.grpc.encoding.GRPCService/Tun"))
        #expect(tun.clientStreaming && tun.serverStreaming)
        #expect(try #require(pool.method(path: "/xray.app.stats.command.StatsService/GetStats")).isUnary)
    }

    @Test func oldNamesLeadToTheSameServices() throws {
        #expect(DescriptorPool.aliases.count == 4)
        for (alias, name) in DescriptorPool.aliases {
            #expect(pool.service(alias) === pool.service(name))
            for method in try #require(pool.service(name)).methods {
                #expect(pool.method(path: "/\(alias)/\(method.name)") === method)
            }
        }
        #expect(pool.method(path: "xray.app.stats.command.StatsService/GetStats") == nil)
    }

    @Test func bytesThatAreNoSetAreRefused() {
        #expect(throws: ProtoError.self) { try DescriptorPool(descriptorSet: [0x0a, 0xff]) }
    }

    @Test func typesThatNobodyDeclaresAreRefused() throws {
        var file = Google_Protobuf_FileDescriptorProto()
        file.name = "a.proto"
        let field = Google_Protobuf_FieldDescriptorProto.with {
            $0.name = "b"
            $0.number = 1
            $0.type = .message
            $0.typeName = ".B"
        }
        file.messageType = [
            .with {
                $0.name = "A"
                $0.field = [field]
            }
        ]
        let set = Google_Protobuf_FileDescriptorSet.with { $0.file = [file] }
        let bytes: [UInt8] = try set.serializedBytes()
        #expect(throws: ProtoError(.unknownName, "A.b: no message named B")) {
            try DescriptorPool(descriptorSet: bytes)
        }
    }
}
