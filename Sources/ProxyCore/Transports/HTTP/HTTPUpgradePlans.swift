// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import XrayProtos

/// What an `httpupgrade` inbound asks of a request.
struct HTTPUpgradeServerPlan: Sendable {
    /// The longest head, as in the original.
    static let headLimit = 12_288

    let path: String
    let host: String
    let forwarders: TrustedForwarders

    init(_ config: Xray_Transport_Internet_Httpupgrade_Config, forwarders: TrustedForwarders) {
        path = UpgradeMessages.normalized(path: config.path)
        host = config.host
        self.forwarders = forwarders
    }

    /// What is said to a request; nil = it is not one of ours.
    func answer(_ head: UpgradeHead) -> String? {
        guard head.start.first == "GET", head.isFor(host: host), head.path == path,
            head["connection"]?.lowercased() == "upgrade", head["upgrade"]?.lowercased() == "websocket"
        else { return nil }
        var answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        if let key = head["sec-websocket-key"] {
            answer += "Sec-WebSocket-Accept: \(UpgradeMessages.accept(for: key))\r\n"
        }
        return answer + "\r\n"
    }
}

/// What an `httpupgrade` outbound says to its server.
struct HTTPUpgradeClientPlan: Sendable {
    private let path: String
    private let host: String
    private let headers: [(String, String)]
    /// Bytes are sent behind the request, without waiting for the answer.
    let isImpatient: Bool

    init(_ config: Xray_Transport_Internet_Httpupgrade_Config, host: String) {
        path = UpgradeMessages.normalized(path: config.path)
        self.host = host
        var headers = config.header.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        if !headers.contains(where: { $0.0.lowercased() == "user-agent" }) {
            headers.append(("User-Agent", UpgradeMessages.userAgent))
        }
        self.headers = headers + [("Connection", "Upgrade"), ("Upgrade", "websocket")]
        isImpatient = config.ed > 0
    }

    func request(to target: Destination) -> ByteBuffer {
        UpgradeMessages.upgradeRequest(path: path, host: UpgradeMessages.host(host, target: target), headers: headers)
    }

    /// Why an answer is not the one that is waited for; nil = it is.
    func fault(of head: UpgradeHead) -> String? {
        guard head.start.count == 3, head.start[1] == "101", head["upgrade"]?.lowercased() == "websocket",
            head["connection"]?.lowercased() == "upgrade"
        else { return head.start.joined(separator: " ") }
        return nil
    }
}
