// SPDX-License-Identifier: Apache-2.0

import Testing
import XrayProtos

/// Requests that Xray 26.7.28 took, as JSON and as the bytes that a client sent.
struct RecordedRequestsTests {
    struct Vector: Sendable {
        let path: String
        let json: String
        let hex: String

        var bytes: [UInt8] {
            stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
        }
    }

    static let vectors = [
        Vector(
            path: "/xray.app.router.command.RoutingService/TestRoute",
            json: #"{"RoutingContext":{"TargetDomain":"rr.test"},"FieldSelectors":["outbound"]}"#,
            hex: "0a093a0772722e7465737412086f7574626f756e64"),
        Vector(
            path: "/xray.app.router.command.RoutingService/AddRule",
            json: #"{"shouldAppend":true,"config":{"_TypedMessage_":"xray.app.router.Config","#
                + #""rule":[{"balancingTag":"nb","ruleTag":"x","domain":[{"custom":{"type":"Full","#
                + #""value":"nb.test"}}]}],"balancingRule":[{"tag":"nb","outboundSelector":["pool-bob"],"#
                + #""strategy":"random"}]}}"#,
            hex: "0a4b0a16787261792e6170702e726f757465722e436f6e66696712311217120d120b080312076e622e74657374"
                + "62026e629a0101781a160a026e621208706f6f6c2d626f621a0672616e646f6d1001"),
        Vector(
            path: "/xray.app.proxyman.command.HandlerService/AddInbound",
            json: #"{"inbound":{"tag":"socks-alice","#
                + #""receiverSettings":{"_TypedMessage_":"xray.app.proxyman.ReceiverConfig","#
                + #""portList":{"range":[{"From":21020,"To":21020}]},"listen":{"ip":"fwAAAQ=="}},"#
                + #""proxySettings":{"_TypedMessage_":"xray.proxy.socks.ServerConfig"}}}"#,
            hex: "0a680a0b736f636b732d616c69636512380a20787261792e6170702e70726f78796d616e2e5265636569766572"
                + "436f6e66696712140a0a0a08089ca401109ca40112060a047f0000011a1f0a1d787261792e70726f78792e736f"
                + "636b732e536572766572436f6e666967"),
        Vector(
            path: "/xray.app.proxyman.command.HandlerService/AlterInbound",
            json: #"{"tag":"shadowsocks-in","#
                + #""operation":{"_TypedMessage_":"xray.app.proxyman.command.AddUserOperation","#
                + #""user":{"email":"bob@example.com","level":0,"#
                + #""account":{"_TypedMessage_":"xray.proxy.shadowsocks.Account","#
                + #""password":"1aa7f84c-5884-4807-bb95-4503aba506c7","cipherType":"AES_128_GCM"}}}}"#,
            hex: "0a0e736861646f77736f636b732d696e128d010a2a787261792e6170702e70726f78796d616e2e636f6d6d616e"
                + "642e416464557365724f7065726174696f6e125f0a5d120f626f62406578616d706c652e636f6d1a4a0a1e7872"
                + "61792e70726f78792e736861646f77736f636b732e4163636f756e7412280a2431616137663834632d35383834"
                + "2d343830372d626239352d3435303361626135303663371005"),
        Vector(
            path: "/xray.app.stats.command.StatsService/GetStatsOnline",
            json: #"{"name":"user>>>a>>>online"}"#,
            hex: "0a11757365723e3e3e613e3e3e6f6e6c696e65"),
    ]

    @Test(arguments: vectors)
    func jsonBecomesTheRecordedBytes(vector: Vector) throws {
        let method = try #require(DescriptorPool.shared.method(path: vector.path))
        let message = try ProtoJSON.decode(vector.json, as: method.input)
        #expect(try message.serialized() == vector.bytes)
        #expect(try DynamicMessage(method.input, decoding: vector.bytes) == message)
    }

    @Test(arguments: vectors)
    func theTextOfTheBytesReadsBack(vector: Vector) throws {
        let method = try #require(DescriptorPool.shared.method(path: vector.path))
        let message = try DynamicMessage(method.input, decoding: vector.bytes)
        let text = ProtoJSON.encode(message, expandingTypedMessages: true)
        #expect(try ProtoJSON.decode(text, as: method.input) == message)
    }
}
