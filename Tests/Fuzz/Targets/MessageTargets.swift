// SPDX-License-Identifier: Apache-2.0
import Foundation
import XrayProtos

extension FuzzTarget {
    /// Protobuf messages by descriptor, and their JSON.
    static let messages: [FuzzTarget] = [
        // The first octet chooses the type.
        FuzzTarget("proto-message", seeds: { [[0, 0x0A, 1, 0x61], [1, 0x0A, 2, 0x12, 0], [2, 0x08, 1]] }) { bytes in
            guard let first = bytes.first, !types.isEmpty else { return }
            let descriptor = types[Int(first) % types.count]
            guard let message = try? DynamicMessage(descriptor, decoding: Array(bytes.dropFirst())),
                let once = try? message.serialized()
            else { return }
            guard let again = try? DynamicMessage(descriptor, decoding: once), let twice = try? again.serialized()
            else {
                preconditionFailure("what was written does not read: \(descriptor.fullName)")
            }
            require(once == twice, "writing is stable: \(descriptor.fullName)")
            _ = XrayJSON.encode(message)
        },
        FuzzTarget(
            "proto-json",
            texts: [#"{"tag": "x", "isOnlyTags": true}"#, #"{"inbound": {"tag": "a", "proxySettings": {}}}"#]
        ) { text in
            for descriptor in types { _ = try? ProtoJSON.decode(text, as: descriptor) }
        },
        // The first octet chooses the type.
        FuzzTarget(
            "older-sender",
            seeds: {
                [
                    [0, 0x0A, 6, 0x08, 1, 0x10, 2, 0x12, 0, 0x1A, 0, 0x22, 2, 0x08, 3, 0x3A, 2, 0, 1],
                    [1, 0x12, 14, 0x12, 4, 0x08, 2, 0x12, 0, 0x52, 2, 0x12, 0, 0x92, 1, 1, 0x61],
                    [2, 0x12, 4, 0x6E, 0x6F, 0x6E, 0x65, 0x1A, 0], [3, 0x1A, 3, 0x0A, 1, 0x6B], [4, 0x0A, 0, 0x10, 1],
                ]
            }
        ) { bytes in
            guard let first = bytes.first else { return }
            var typed = Xray_Common_Serial_TypedMessage()
            typed.type = changed[Int(first) % changed.count]
            typed.value = Data(bytes.dropFirst())
            try? OlderSenders.update(&typed)
            _ = try? TypedMessages.unpack(typed)
        },
    ]

    /// Types whose fields had other numbers.
    private static let changed = [
        "xray.app.proxyman.ReceiverConfig", "xray.app.router.Config", "xray.proxy.vless.inbound.Config",
        "xray.proxy.shadowsocks_2022.MultiUserServerConfig", "xray.proxy.dns.Config",
        "xray.proxy.vmess.outbound.Config",
    ]

    private static let types: [MessageDescriptor] = [
        "xray.app.proxyman.command.AddInboundRequest", "xray.app.proxyman.command.AlterInboundRequest",
        "xray.app.router.command.AddRuleRequest", "xray.app.router.Config", "xray.app.stats.command.QueryStatsRequest",
        "xray.core.InboundHandlerConfig", "xray.core.OutboundHandlerConfig",
    ].compactMap { DescriptorPool.shared.message($0) }
}
