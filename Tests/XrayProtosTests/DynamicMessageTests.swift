// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing
import XrayProtos

struct DynamicMessageTests {
    let pool = DescriptorPool.shared

    private func descriptor(_ name: String) throws -> MessageDescriptor { try #require(pool.message(name)) }

    @Test func everyTypeSurvivesTheTripThroughItsGeneratedType() throws {
        var random = RandomMessages(seed: 1)
        for name in TypedMessages.names {
            let descriptor = try descriptor(name)
            let type = try #require(TypedMessages.type(named: name))
            for _ in 0..<8 {
                let message = random.message(descriptor)
                let bytes = try message.serialized()
                let generated = try type.init(serializedBytes: bytes)
                #expect(generated.unknownFields.data.isEmpty, "\(name)")
                var options = BinaryEncodingOptions()
                options.useDeterministicOrdering = true
                let again: [UInt8] = try generated.serializedBytes(options: options)
                #expect(again.count == bytes.count, "\(name)")
                #expect(try DynamicMessage(descriptor, decoding: again) == message, "\(name)")
                #expect(try DynamicMessage(descriptor, decoding: bytes) == message, "\(name)")
            }
        }
    }

    @Test func cutOffMessagesAreRefusedOrShorter() throws {
        var random = RandomMessages(seed: 2)
        for name in ["xray.app.router.Config", "xray.transport.internet.StreamConfig", "xray.app.policy.Config"] {
            let descriptor = try descriptor(name)
            let bytes = try random.message(descriptor).serialized()
            for length in 0..<bytes.count {
                // A cut between two fields leaves a valid message; any other is an error. Neither may crash.
                if let shorter = try? DynamicMessage(descriptor, decoding: Array(bytes.prefix(length))) {
                    #expect(try shorter.serialized().count <= bytes.count)
                }
            }
        }
    }

    @Test func damagedMessagesNeverCrash() throws {
        var random = RandomMessages(seed: 3)
        for name in TypedMessages.names {
            let descriptor = try descriptor(name)
            var bytes = try random.message(descriptor).serialized()
            for _ in 0..<20 where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random.generator)
                bytes[index] = UInt8.random(in: .min ... .max, using: &random.generator)
                if let message = try? DynamicMessage(descriptor, decoding: bytes) { _ = try message.serialized() }
            }
        }
    }

    @Test func messagesThatComeTwiceMergeAndScalarsReplace() throws {
        let rule = try descriptor("xray.app.router.command.TestRouteRequest")
        // RoutingContext {InboundTag "a", SourceIPs [1]}, then {InboundTag "b", SourceIPs [2]}
        let message = try DynamicMessage(
            rule, decoding: [0x0a, 6, 0x0a, 1, 0x61, 0x1a, 1, 1, 0x0a, 6, 0x0a, 1, 0x62, 0x1a, 1, 2])
        guard case .message(let context) = message["RoutingContext"] else { throw ProtoError(.mismatch, "no context") }
        #expect(context["InboundTag"] == .string("b"))
        #expect(context["SourceIPs"] == .list([.bytes([1]), .bytes([2])]))
    }

    @Test func theLastMemberOfAOneofWins() throws {
        let rule = try descriptor("xray.common.geodata.IPRule")
        let message = try DynamicMessage(rule, decoding: [0x0a, 2, 0x0a, 0, 0x12, 2, 0x10, 1])
        #expect(message["geoip"] == nil)
        #expect(message["custom"] != nil)
        var address = DynamicMessage(try descriptor("xray.common.net.IPOrDomain"))
        address["ip"] = .bytes([1, 2, 3, 4])
        address["domain"] = .string("a.test")
        #expect(address["ip"] == nil)
        #expect(try address.serialized() == [0x12, 6, 0x61, 0x2e, 0x74, 0x65, 0x73, 0x74])
    }

    @Test func zeroesWithoutPresenceAreAbsent() throws {
        let stat = try descriptor("xray.app.stats.command.Stat")
        let message = try DynamicMessage(stat, decoding: [0x0a, 0, 0x10, 5, 0x10, 0])
        #expect(message.values.isEmpty)
        var written = DynamicMessage(stat)
        written["value"] = .int(0)
        #expect(try written.serialized().isEmpty)
        let server = try descriptor("xray.app.dns.NameServer")
        let optional = try DynamicMessage(server, decoding: [0x58, 0])
        #expect(optional["disableCache"] == .bool(false))
        #expect(try optional.serialized() == [0x58, 0])
    }

    @Test func unknownFieldsAreSkipped() throws {
        let stat = try descriptor("xray.app.stats.command.Stat")
        // 9: varint, 10: eight bytes, 11: text, 12: four bytes, 13: a group with a field; then value = 5
        let bytes: [UInt8] = [
            0x48, 0xff, 0x01, 0x51, 1, 2, 3, 4, 5, 6, 7, 8, 0x5a, 1, 0x61, 0x65, 1, 2, 3, 4, 0x6b, 0x08, 1, 0x6c, 0x10,
            5,
        ]
        #expect(try DynamicMessage(stat, decoding: bytes).values == [2: .int(5)])
    }

    @Test func aKnownFieldInAnotherWireTypeIsSkipped() throws {
        let stat = try descriptor("xray.app.stats.command.Stat")
        #expect(try DynamicMessage(stat, decoding: [0x12, 1, 0x61, 0x08, 7]).values.isEmpty)
    }

    @Test func listsAreReadPackedAndUnpacked() throws {
        let inbound = try descriptor("xray.app.router.StrategyLeastLoadConfig")
        let expected: DynamicValue = .list([.int(1), .int(300), .int(2)])
        #expect(try DynamicMessage(inbound, decoding: [0x1a, 3, 1, 0xac, 2, 0x18, 2])["baselines"] == expected)
        #expect(try DynamicMessage(inbound, decoding: [0x18, 1, 0x18, 0xac, 2, 0x18, 2])["baselines"] == expected)
        #expect(try DynamicMessage(inbound, decoding: [0x1a, 0])["baselines"] == nil)
    }

    @Test func valuesOfTheWrongTypeAreRefused() throws {
        var stat = DynamicMessage(try descriptor("xray.app.stats.command.Stat"))
        stat["value"] = .string("x")
        #expect(throws: ProtoError(.mismatch, "xray.app.stats.command.Stat.value: expected an integer")) {
            try stat.serialized()
        }
        stat["value"] = .list([])
        #expect(throws: ProtoError.self) { try stat.serialized() }
        var user = DynamicMessage(try descriptor("xray.common.protocol.User"))
        user["level"] = .int(-1)
        #expect(throws: ProtoError(.outOfRange, "xray.common.protocol.User.level: -1 does not fit uint32")) {
            try user.serialized()
        }
        user["level"] = nil
        user["account"] = .message(stat)
        #expect(throws: ProtoError.self) { try user.serialized() }
        user["account"] = nil
        user["email"] = .list([.string("a")])
        #expect(throws: ProtoError.self) { try user.serialized() }
    }

    @Test func namesThatDoNotExistChangeNothing() throws {
        var user = DynamicMessage(try descriptor("xray.common.protocol.User"))
        user["nothing"] = .int(1)
        #expect(user.values.isEmpty)
        #expect(user["nothing"] == nil)
    }
}
