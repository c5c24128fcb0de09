// SPDX-License-Identifier: Apache-2.0

extension InteropProtocol {
    /// - Parameter label: a blank, and the cipher.
    static func vmess(_ label: String) -> InteropProtocol {
        let security = label.dropFirst()
        return InteropProtocol(name: "vmess", label: label) { _ in
            #"{"clients": [{"id": "\#(id)", "email": "alice@example.com"}]}"#
        } outbound: { _, port in
            """
            {"vnext": [{"address": "127.0.0.1", "port": \(port),
              "users": [{"id": "\(id)", "alterId": 0, "security": "\(security)"}]}]}
            """
        }
    }

    static let trojan = InteropProtocol(name: "trojan") { _ in
        #"{"clients": [{"password": "secret", "email": "alice@example.com"}]}"#
    } outbound: { _, port in
        #"{"servers": [{"address": "127.0.0.1", "port": \#(port), "password": "secret"}]}"#
    }

    /// - Parameter label: a blank, and the method.
    static func shadowsocks(_ label: String) -> InteropProtocol {
        let method = label.dropFirst()
        return InteropProtocol(name: "shadowsocks", label: label) { _ in
            #"{"method": "\#(method)", "password": "secret", "network": "tcp,udp"}"#
        } outbound: { _, port in
            #"{"servers": [{"address": "127.0.0.1", "port": \#(port), "method": "\#(method)", "password": "secret"}]}"#
        }
    }

    static let socks = InteropProtocol(name: "socks") { _ in
        """
        {"auth": "password", "accounts": [{"user": "u", "pass": "p"}], "udp": true, "ip": "127.0.0.1"}
        """
    } outbound: { _, port in
        #"{"servers": [{"address": "127.0.0.1", "port": \#(port), "users": [{"user": "u", "pass": "p"}]}]}"#
    }

    static let http = InteropProtocol(name: "http") { _ in
        #"{"accounts": [{"user": "u", "pass": "p"}]}"#
    } outbound: { _, port in
        #"{"servers": [{"address": "127.0.0.1", "port": \#(port), "users": [{"user": "u", "pass": "p"}]}]}"#
    }
}
