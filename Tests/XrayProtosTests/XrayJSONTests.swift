// SPDX-License-Identifier: Apache-2.0

import Foundation
import SwiftProtobuf
import Testing
import XrayProtos

/// What Xray's own command line prints, read off Xray 26.7.28.
struct XrayJSONTests {
    private func user(_ email: String, id: String) throws -> Xray_Common_Protocol_User {
        try .with {
            $0.email = email
            $0.account = try TypedMessages.pack(Xray_Proxy_Vless_Account.with { $0.id = id })
        }
    }

    private func inbound(
        _ tag: String, port: UInt32, _ settings: any SwiftProtobuf.Message
    ) throws -> Xray_Core_InboundHandlerConfig {
        let receiver = Xray_App_Proxyman_ReceiverConfig.with {
            $0.listen.ip = Data([127, 0, 0, 1])
            $0.portList.range = [range(port, port)]
        }
        return try .with {
            $0.tag = tag
            $0.receiverSettings = try TypedMessages.pack(receiver)
            $0.proxySettings = try TypedMessages.pack(settings)
        }
    }

    private func outbound(
        _ tag: String, _ settings: any SwiftProtobuf.Message
    ) throws -> Xray_Core_OutboundHandlerConfig {
        try .with {
            $0.tag = tag
            $0.senderSettings = try TypedMessages.pack(Xray_App_Proxyman_SenderConfig())
            $0.proxySettings = try TypedMessages.pack(settings)
        }
    }

    private func range(_ from: UInt32, _ to: UInt32) -> Xray_Common_Net_PortRange {
        .with {
            $0.from = from
            $0.to = to
        }
    }

    /// The text on one line, without spaces outside strings.
    private func compact(_ message: any SwiftProtobuf.Message) throws -> String {
        try XrayJSON.encode(message).split(separator: "\n").map { $0.drop { $0 == " " } }.joined()
    }

    @Test func anEmptyMessageIsAnEmptyObject() throws {
        #expect(try XrayJSON.encode(Xray_App_Log_Command_RestartLoggerResponse()) == "{}\n\n")
        #expect(try XrayJSON.encode(Xray_App_Stats_Command_QueryStatsResponse()) == "{}\n\n")
    }

    @Test func inboundsShowTheirSettingsAndTypes() throws {
        let message = try Xray_App_Proxyman_Command_ListInboundsResponse.with {
            $0.inbounds = [
                try inbound("s5", port: 21010, Xray_Proxy_Socks_ServerConfig()),
                try inbound(
                    "vl", port: 21012,
                    Xray_Proxy_Vless_Inbound_Config.with {
                        $0.decryption = "none"
                        $0.users = [try user("dave", id: "10038a4f-8e16-4875-976d-d54512f3a902")]
                    }),
            ]
        }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "inbounds": [
                        {
                            "proxySettings": {
                                "_TypedMessage_": "xray.proxy.socks.ServerConfig"
                            },
                            "receiverSettings": {
                                "_TypedMessage_": "xray.app.proxyman.ReceiverConfig",
                                "listen": "127.0.0.1",
                                "portList": 21010
                            },
                            "tag": "s5"
                        },
                        {
                            "proxySettings": {
                                "_TypedMessage_": "xray.proxy.vless.inbound.Config",
                                "decryption": "none",
                                "users": [
                                    {
                                        "account": {
                                            "_TypedMessage_": "xray.proxy.vless.Account",
                                            "id": "10038a4f-8e16-4875-976d-d54512f3a902"
                                        },
                                        "email": "dave"
                                    }
                                ]
                            },
                            "receiverSettings": {
                                "_TypedMessage_": "xray.app.proxyman.ReceiverConfig",
                                "listen": "127.0.0.1",
                                "portList": 21012
                            },
                            "tag": "vl"
                        }
                    ]
                }


                """)
    }

    @Test func emptyElementsOfAListAreShown() throws {
        let allow = Xray_Proxy_Freedom_Config.with { $0.finalRules = [.init()] }
        let message = try Xray_App_Proxyman_Command_ListOutboundsResponse.with {
            $0.outbounds = [
                try outbound("direct", allow),
                try outbound("blocked", Xray_Proxy_Blackhole_Config()),
                try outbound("pool-alice", Xray_Proxy_Freedom_Config()),
                try outbound("pool-bob", Xray_Proxy_Freedom_Config()),
            ]
        }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "outbounds": [
                        {
                            "proxySettings": {
                                "_TypedMessage_": "xray.proxy.freedom.Config",
                                "finalRules": [
                                    {}
                                ]
                            },
                            "senderSettings": {
                                "_TypedMessage_": "xray.app.proxyman.SenderConfig"
                            },
                            "tag": "direct"
                        },
                        {
                            "proxySettings": {
                                "_TypedMessage_": "xray.proxy.blackhole.Config"
                            },
                            "senderSettings": {
                                "_TypedMessage_": "xray.app.proxyman.SenderConfig"
                            },
                            "tag": "blocked"
                        },
                        {
                            "proxySettings": {
                                "_TypedMessage_": "xray.proxy.freedom.Config"
                            },
                            "senderSettings": {
                                "_TypedMessage_": "xray.app.proxyman.SenderConfig"
                            },
                            "tag": "pool-alice"
                        },
                        {
                            "proxySettings": {
                                "_TypedMessage_": "xray.proxy.freedom.Config"
                            },
                            "senderSettings": {
                                "_TypedMessage_": "xray.app.proxyman.SenderConfig"
                            },
                            "tag": "pool-bob"
                        }
                    ]
                }


                """)
    }

    @Test func emptyStringsAreLeftOut() throws {
        let message = Xray_App_Router_Command_ListRuleResponse.with {
            $0.rules = [
                .with {
                    $0.tag = "blocked"
                    $0.ruleTag = "one"
                },
                .with { $0.ruleTag = "two" },
            ]
        }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "rules": [
                        {
                            "ruleTag": "one",
                            "tag": "blocked"
                        },
                        {
                            "ruleTag": "two"
                        }
                    ]
                }


                """)
    }

    @Test func countersAreNumbersAndAnglesStay() throws {
        let message = Xray_App_Stats_Command_QueryStatsResponse.with {
            $0.stat = [
                .with {
                    $0.name = "user>>>dave>>>traffic>>>uplink"
                    $0.value = 300
                },
                .with {
                    $0.name = "user>>>dave>>>traffic>>>downlink"
                    $0.value = 3000
                },
            ]
        }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "stat": [
                        {
                            "name": "user>>>dave>>>traffic>>>uplink",
                            "value": 300
                        },
                        {
                            "name": "user>>>dave>>>traffic>>>downlink",
                            "value": 3000
                        }
                    ]
                }


                """)
    }

    @Test func oneCounterStandsInAnObject() throws {
        let message = Xray_App_Stats_Command_GetStatsResponse.with {
            $0.stat.name = "user>>>dave>>>traffic>>>downlink"
            $0.stat.value = 3000
        }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "stat": {
                        "name": "user>>>dave>>>traffic>>>downlink",
                        "value": 3000
                    }
                }


                """)
    }

    @Test func aZeroIsLeftOut() throws {
        let message = Xray_App_Stats_Command_GetStatsResponse.with { $0.stat.name = "user>>>dave>>>online" }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "stat": {
                        "name": "user>>>dave>>>online"
                    }
                }


                """)
    }

    @Test func anEmptyMapIsLeftOut() throws {
        let message = Xray_App_Stats_Command_GetStatsOnlineIpListResponse.with { $0.name = "user>>>dave>>>online" }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "name": "user>>>dave>>>online"
                }


                """)
    }

    @Test func capitalsOfFieldNamesStay() throws {
        let message = Xray_App_Stats_Command_SysStatsResponse.with {
            $0.numGoroutine = 12
            $0.numGc = 7
            $0.alloc = 2_116_008
            $0.totalAlloc = 3_932_576
            $0.sys = 13_998_344
            $0.mallocs = 38_756
            $0.frees = 25_242
            $0.liveObjects = 13_514
            $0.pauseTotalNs = 240_134
        }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "Alloc": 2116008,
                    "Frees": 25242,
                    "LiveObjects": 13514,
                    "Mallocs": 38756,
                    "NumGC": 7,
                    "NumGoroutine": 12,
                    "PauseTotalNs": 240134,
                    "Sys": 13998344,
                    "TotalAlloc": 3932576
                }


                """)
    }

    @Test func accountsOfUsersAreExpanded() throws {
        let message = try Xray_App_Proxyman_Command_GetInboundUserResponse.with {
            $0.users = [
                try user("dave", id: "10038a4f-8e16-4875-976d-d54512f3a902"),
                try user("frank", id: "abaa8e91-927a-4e16-9c77-30fff6947554"),
                try user("erin", id: "fc1c886a-810c-4fb5-98b2-e61e70b2266a"),
            ]
        }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "users": [
                        {
                            "account": {
                                "_TypedMessage_": "xray.proxy.vless.Account",
                                "id": "10038a4f-8e16-4875-976d-d54512f3a902"
                            },
                            "email": "dave"
                        },
                        {
                            "account": {
                                "_TypedMessage_": "xray.proxy.vless.Account",
                                "id": "abaa8e91-927a-4e16-9c77-30fff6947554"
                            },
                            "email": "frank"
                        },
                        {
                            "account": {
                                "_TypedMessage_": "xray.proxy.vless.Account",
                                "id": "fc1c886a-810c-4fb5-98b2-e61e70b2266a"
                            },
                            "email": "erin"
                        }
                    ]
                }


                """)
    }

    @Test func aCountIsANumber() throws {
        let message = Xray_App_Proxyman_Command_GetInboundUsersCountResponse.with { $0.count = 3 }
        #expect(
            try XrayJSON.encode(message) == """
                {
                    "count": 3
                }


                """)
    }

    @Test func membersOfOneofsStandUnderTheirGoNames() throws {
        let rule = Xray_App_Router_RoutingRule.with {
            $0.tag = "direct"
            $0.domain = [.with { $0.geosite.code = "CN" }]
            $0.ip = [.with { $0.custom.cidr.ip = Data([10, 0]) }]
            $0.networks = [.tcp, .unknown, .UNRECOGNIZED(9)]
            $0.attributes = ["b": "", "a": "1"]
        }
        let expected =
            #"{"TargetTag": {"Tag": "direct"},"attributes": {"a": "1","b": ""},"#
            + #""domain": [{"Value": {"Geosite": {"code": "CN"}}}],"#
            + #""ip": [{"Value": {"Custom": {"cidr": {"ip": [10,0]}}}}],"networks": ["TCP","Unknown","9"]}"#
        #expect(try compact(rule) == expected)
        let balanced = Xray_App_Router_RoutingRule.with { $0.balancingTag = "bal" }
        #expect(try compact(balanced) == #"{"TargetTag": {"balancingTag": "bal"}}"#)
        let flag = Xray_Common_Geodata_Domain.Attribute.with { $0.boolValue = false }
        #expect(try compact(flag) == #"{"TypedValue": {"boolValue": false}}"#)
    }

    @Test(
        arguments: [
            ([], "\"\""), ([(80, 80)], "80"), ([(80, 81)], "\"80-81\""), ([(1, 2), (5, 5)], "\"1-2,5\""),
            ([(5, 5), (7, 7)], "\"5,7\""),
        ] as [([(UInt32, UInt32)], String)])
    func portListsAreNumbersOrText(ranges: [(UInt32, UInt32)], text: String) throws {
        let receiver = Xray_App_Proxyman_ReceiverConfig.with { $0.portList.range = ranges.map { range($0.0, $0.1) } }
        #expect(try compact(receiver) == "{\"portList\": \(text)}")
    }

    @Test(
        arguments: [
            ([1, 2, 3, 4], "\"1.2.3.4\""), ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4], "\"1.2.3.4\""),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "\"[::1]\""),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "\"[::]\""),
            ([0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], "\"[2001:db8:0:1::]\""),
            ([0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5], "\"[2001:db8:0:1:2:3:4:5]\""),
            ([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4], "\"[1::2:0:0:3:4]\""), ([1, 2, 3], "null"),
        ] as [([UInt8], String)])
    func addressesAreText(bytes: [UInt8], text: String) throws {
        let sender = Xray_App_Proxyman_SenderConfig.with { $0.via.ip = Data(bytes) }
        #expect(try compact(sender) == "{\"via\": \(text)}")
    }

    @Test func aDomainIsText() throws {
        #expect(try compact(Xray_App_Proxyman_SenderConfig.with { $0.via.domain = "a.test" }) == #"{"via": "a.test"}"#)
    }

    @Test(arguments: ["no.such.Type", "xray.proxy.vless.Account"])
    func whatCannotBeUnpackedIsNull(type: String) throws {
        let user = Xray_Common_Protocol_User.with {
            $0.account.type = type
            $0.account.value = Data([0x0a, 9])
        }
        #expect(try compact(user) == #"{"account": null}"#)
    }

    @Test func typedMessagesWithinEachOtherEnd() throws {
        var typed = Xray_Common_Serial_TypedMessage()
        for _ in 0..<2000 { typed = try TypedMessages.pack(typed) }
        #expect(try XrayJSON.encode(typed) == "null\n\n")
    }

    @Test func optionalFieldsShowTheirZero() throws {
        #expect(try compact(Xray_App_Dns_NameServer.with { $0.disableCache = false }) == #"{"disableCache": false}"#)
    }

    @Test(arguments: [
        (Float(0.1), "0.1"), (1, "1"), (-2.5, "-2.5"), (1e20, "100000000000000000000"), (1e21, "1e+21"),
        (1.5e-6, "0.0000015"), (1.5e-7, "1.5e-7"), (16_777_216, "16777216"), (1e10, "10000000000"),
        (0.00123, "0.00123"),
        (123.45, "123.45"), (3.4028235e38, "3.4028235e+38"), (.infinity, "null"),
    ])
    func floatsHaveTheirShortestSpelling(value: Float, text: String) throws {
        #expect(try compact(Xray_App_Router_StrategyWeight.with { $0.value = value }) == "{\"value\": \(text)}")
    }

    @Test func controlCharactersAreEscaped() throws {
        let text = "\u{0}\u{8}\t\n\u{c}\r\u{1f}\"\\/<é\u{2028}\u{7f}"
        let message = Xray_App_Stats_Command_Stat.with { $0.name = text }
        let escaped = #"\u0000\b\t\n\f\r\u001f\"\\/<é\u2028"# + "\u{7f}"
        #expect(try compact(message) == "{\"name\": \"\(escaped)\"}")
    }
}

struct GoNameTests {
    @Test(arguments: [
        ("value", "Value"), ("typed_value", "TypedValue"), ("target_tag", "TargetTag"), ("u64", "U64"),
        ("v6only", "V6Only"), ("mldsa65_seed", "Mldsa65Seed"), ("ID", "ID"), ("_x", "XX"), ("a_1", "A_1"),
        ("a__b", "A_B"), ("One_time_loading", "OneTimeLoading"), ("a_", "A_"), ("", ""),
    ])
    func namesAreThoseOfTheGoGenerator(name: String, expected: String) {
        #expect(GoName.camelCase(name) == expected)
    }
}
