// SPDX-License-Identifier: Apache-2.0
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
    ]

    private static let types: [MessageDescriptor] = [
        "xray.app.proxyman.command.AddInboundRequest", "xray.app.proxyman.command.AlterInboundRequest",
        "xray.app.router.command.AddRuleRequest", "xray.app.router.Config", "xray.app.stats.command.QueryStatsRequest",
        "xray.core.InboundHandlerConfig", "xray.core.OutboundHandlerConfig",
    ].compactMap { DescriptorPool.shared.message($0) }
}
