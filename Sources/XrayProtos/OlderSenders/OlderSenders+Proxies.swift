// SPDX-License-Identifier: Apache-2.0

extension OlderSenders {
    /// `decryption` was 2 and `fallbacks` 3 until v25.8.29: the first is text, the second messages.
    static func vlessInbound(_ message: inout WireMessage) {
        let isOld = message.delimited(2).contains { content in
            content == Array("none".utf8) || content.starts(with: "mlkem768x25519plus".utf8)
        }
        guard isOld else { return }
        for index in message.fields.indices {
            switch message.fields[index].number {
            case 2: message.fields[index].number = 3
            case 3: message.fields[index].number = 2
            default: break
            }
        }
    }

    /// A user was { key = 1, email = 2, level = 3 } until v24.11.5; today it is a common one with an account.
    static func shadowsocks2022Users(_ message: inout WireMessage) throws(Refusal) {
        try updateEach(3, in: &message) { (user: inout WireMessage) throws(Refusal) in
            guard let key = user.delimited(1).last else { return }
            var account = WireMessage()
            account.append(1, key)
            var typed = WireMessage()
            typed.append(1, Array("xray.proxy.shadowsocks_2022.Account".utf8))
            typed.append(2, account.bytes)
            var today = WireMessage()
            if let level = user.number(3) { today.append(1, level) }
            for email in user.delimited(2) { today.append(2, email) }
            today.append(3, typed.bytes)
            user = today
        }
    }

    /// { server = 1, user_level = 2, non_IP_query = 3, block_types = 4 } until v26.4.25; today { user_level = 1, rule = 2,
    /// rewrite_server = 3 }.
    static func dnsOutbound(_ message: inout WireMessage) throws(Refusal) {
        let server = message.delimited(1).last
        let level = message.number(2)
        guard server != nil || level != nil || message.contains(4) || message.delimited(3).contains(where: isText)
        else {
            return
        }
        guard !message.contains(3), !message.contains(4) else {
            throw Refusal(
                description: "dns.Config.non_IP_query and block_types (before v26.4.25) are rules today")
        }
        message = WireMessage()
        if let level { message.append(1, level) }
        if let server { message.append(3, server) }
    }

    /// Lists of servers, and of their users, became single ones in v25.10.15: read as today's, several melt into one.
    static func oneServer(_ message: WireMessage, _ type: String) throws(Refusal) {
        let servers = message.delimited(1)
        guard servers.count < 2 else {
            throw Refusal(description: "\(type) has \(servers.count) servers; since v25.10.15 there is one")
        }
        for server in servers {
            let users = WireMessage(server)?.delimited(3).count ?? 0
            guard users < 2 else {
                throw Refusal(description: "\(type): the server has \(users) users; since v25.10.15 there is one")
            }
        }
    }

    /// What was dropped and changes what a peer may do: ignored, it would be less safe than the sender believes.
    static let dropped: [String: [Int: String]] = [
        "xray.transport.internet.tls.Config": [
            1: "allow_insecure", 13: "pinned_peer_certificate_chain_sha256",
            14: "pinned_peer_certificate_public_key_sha256",
        ]
    ]
}
