// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing
import XrayProtos

struct ProtoWriterTests {
    let pool = DescriptorPool.shared

    private func field(_ message: String, _ name: String) throws -> FieldDescriptor {
        try #require(pool.message(message)?.field(named: name))
    }

    private func bytes(_ body: (inout ProtoWriter) throws -> Void) throws -> [UInt8] {
        var writer = ProtoWriter()
        try body(&writer)
        return writer.bytes
    }

    @Test func numbersAreConvertedWhereNothingIsLost() throws {
        let value = try field("xray.app.stats.command.Stat", "value")
        #expect(try bytes { try $0.put(Int64(300), for: value) } == [0x10, 0xac, 2])
        #expect(try bytes { try $0.put(UInt64(300), for: value) } == [0x10, 0xac, 2])
        #expect(try bytes { try $0.put(300.0, for: value) } == [0x10, 0xac, 2])
        #expect(throws: ProtoError.self) { try bytes { try $0.put(0.5, for: value) } }
        #expect(throws: ProtoError.self) { try bytes { try $0.put(Double.nan, for: value) } }
        #expect(throws: ProtoError.self) { try bytes { try $0.put(Double.infinity, for: value) } }
        #expect(throws: ProtoError.self) { try bytes { try $0.put(UInt64.max, for: value) } }
        #expect(throws: ProtoError.self) { try bytes { try $0.put(true, for: value) } }
        #expect(throws: ProtoError.self) { try bytes { try $0.put("1", for: value) } }
        let alloc = try field("xray.app.stats.command.SysStatsResponse", "Alloc")
        #expect(try bytes { try $0.put(0x1p63, for: alloc) }.count == 11)
        let weight = try field("xray.app.router.StrategyWeight", "value")
        #expect(try bytes { try $0.put(Int64(1), for: weight) } == [0x1d, 0, 0, 0x80, 0x3f])
        #expect(throws: ProtoError.self) { try bytes { try $0.put(1e300, for: weight) } }
    }

    @Test(arguments: [Int64(Int32.max) + 1, Int64(Int32.min) - 1])
    func numbersThatDoNotFitAreRefused(number: Int64) throws {
        let connection = try field("xray.app.policy.Policy.Buffer", "connection")
        #expect {
            try bytes { try $0.put(number, for: connection) }
        } throws: {
            ($0 as? ProtoError)?.code == .outOfRange
        }
    }

    @Test func enumsTakeNamesAndNumbers() throws {
        let network = try field("xray.common.net.Endpoint", "network")
        #expect(try bytes { try $0.put("UDP", for: network) } == [0x08, 3])
        #expect(try bytes { try $0.put(Int64(3), for: network) } == [0x08, 3])
        #expect(throws: ProtoError(.unknownName, "xray.common.net.Endpoint.network: no value named \"udp\"")) {
            try bytes { try $0.put("udp", for: network) }
        }
    }

    @Test func longMessagesGetLongLengths() throws {
        let stat = try field("xray.app.stats.command.QueryStatsResponse", "stat")
        let name = try field("xray.app.stats.command.Stat", "name")
        for length in [0, 1, 124, 125, 126, 127, 128, 16_380, 16_384, 70_000] {
            let text = String(repeating: "x", count: length)
            let encoded = try bytes {
                let mark = try $0.begin(stat)
                try $0.put(text, for: name)
                $0.end(mark)
            }
            let message = try Xray_App_Stats_Command_QueryStatsResponse(serializedBytes: encoded)
            #expect(message.stat.map(\.name) == [text])
        }
    }

    @Test func emptyListsLeaveNoTrace() throws {
        let network = try field("xray.common.net.NetworkList", "network")
        let selectors = try field("xray.app.router.command.SubscribeRoutingStatsRequest", "FieldSelectors")
        #expect(try bytes { $0.endList(try $0.beginList(network)) }.isEmpty)
        #expect(try bytes { $0.endList(try $0.beginList(selectors)) }.isEmpty)
        let listed = try bytes {
            let list = try $0.beginList(selectors)
            try $0.put("", for: selectors)
            $0.endList(list)
        }
        #expect(listed == [0x0a, 0])
        let packed = try bytes {
            let list = try $0.beginList(network)
            try $0.put(Int64(0), for: network)
            try $0.put("TCP", for: network)
            $0.endList(list)
        }
        #expect(packed == [0x0a, 2, 0, 2])
    }

    @Test func wrongShapesAreRefused() throws {
        let level = try field("xray.common.protocol.User", "level")
        let account = try field("xray.common.protocol.User", "account")
        #expect(throws: ProtoError.self) { try bytes { _ = try $0.begin(level) } }
        #expect(throws: ProtoError.self) { try bytes { _ = try $0.beginList(level) } }
        #expect(throws: ProtoError.self) { try bytes { try $0.put("x", for: account) } }
        #expect(throws: ProtoError.self) { try bytes { try $0.put(Int64(1), for: account) } }
        let email = try field("xray.common.protocol.User", "email")
        #expect(throws: ProtoError.self) {
            try bytes { writer in
                try [UInt8]([0xff]).withUnsafeBytes { try writer.put($0, for: email) }
            }
        }
    }

    @Test func depthAndSizeAreLimited() throws {
        let args = try field("xray.transport.internet.finalmask.header.custom.Expr", "args")
        #expect { try bytes { writer in while true { _ = try writer.begin(args) } } } throws: {
            ($0 as? ProtoError)?.code == .tooDeep
        }
        let email = try field("xray.common.protocol.User", "email")
        var small = ProtoWriter(limit: 1000)
        #expect { while true { try small.put("0123456789", for: email) } } throws: {
            ($0 as? ProtoError)?.code == .tooLarge
        }
        #expect(small.bytes.count < 1024)
    }
}
