// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Requests of clients that were built for an older release of Xray, which gave some fields other numbers or types.
///
/// Read with today's schema such a request loses parts in silence: an inbound without a port, a rule without its condition.
/// Here the bytes are brought up to date where they can be told apart from today's without doubt; where they cannot be
/// carried over, they are refused with a message that names the field and the release. What does not look old is not touched.
package enum OlderSenders {
    package struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// Settings of an inbound: its receiver and its proxy.
    package static func update(_ inbound: inout Xray_Core_InboundHandlerConfig) throws(Refusal) {
        if inbound.hasReceiverSettings { try update(&inbound.receiverSettings) }
        if inbound.hasProxySettings { try update(&inbound.proxySettings) }
    }

    /// Settings of an outbound: its sender and its proxy.
    package static func update(_ outbound: inout Xray_Core_OutboundHandlerConfig) throws(Refusal) {
        if outbound.hasSenderSettings { try update(&outbound.senderSettings) }
        if outbound.hasProxySettings { try update(&outbound.proxySettings) }
    }

    /// Settings of any type. Bytes that are no message are left as they are: who reads them will say so.
    package static func update(_ settings: inout Xray_Common_Serial_TypedMessage) throws(Refusal) {
        guard let descriptor = DescriptorPool.shared.message(settings.type),
            var message = WireMessage(settings.value)
        else { return }
        let before = message
        try update(&message, of: settings.type)
        if message != before { settings.value = Data(message.bytes) }
        try WireTypes.check(message, descriptor)
    }

    private static func update(_ message: inout WireMessage, of type: String) throws(Refusal) {
        switch type {
        case "xray.app.proxyman.ReceiverConfig": try receiver(&message)
        case "xray.app.router.Config": try router(&message)
        case "xray.proxy.vless.inbound.Config": vlessInbound(&message)
        case "xray.proxy.trojan.ServerConfig": move(3, to: 2, in: &message)
        case "xray.proxy.shadowsocks_2022.MultiUserServerConfig": try shadowsocks2022Users(&message)
        case "xray.proxy.dns.Config": try dnsOutbound(&message)
        case "xray.proxy.vmess.outbound.Config", "xray.proxy.vless.outbound.Config", "xray.proxy.trojan.ClientConfig",
            "xray.proxy.shadowsocks.ClientConfig", "xray.proxy.socks.ClientConfig", "xray.proxy.http.ClientConfig":
            try oneServer(message, type)
        default: break
        }
    }

    /// Gives all fields of a number another one.
    static func move(_ old: Int, to new: Int, in message: inout WireMessage) {
        for index in message.fields.indices where message.fields[index].number == old {
            message.fields[index].number = new
        }
    }

    /// Text that no message begins like: the first byte of a message of few fields is a control character.
    static func isText(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, first >= 0x20 else { return false }
        return String(validating: bytes, as: UTF8.self) != nil
    }
}
