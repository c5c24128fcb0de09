// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import ProxyModel
import XrayProtos

/// What a WebSocket inbound asks of a request.
struct WebSocketServerPlan: Sendable {
    /// The longest head, as in the original.
    static let headLimit = 8192

    let path: String
    let host: String
    let forwarders: TrustedForwarders
    /// How often a ping is sent; nil = never.
    let heartbeat: TimeAmount?

    init(_ config: Xray_Transport_Internet_Websocket_Config, forwarders: TrustedForwarders) {
        path = UpgradeMessages.normalized(path: config.path)
        host = config.host
        self.forwarders = forwarders
        heartbeat = config.heartbeatPeriod > 0 ? .seconds(Int64(config.heartbeatPeriod)) : nil
    }

    enum Answer {
        /// The reply, and the bytes that came with the request.
        case welcome(String, early: ByteBuffer?)
        case notFound
        case notWebSocket
    }

    func answer(_ head: UpgradeHead) -> Answer {
        guard head.isFor(host: host), head.path == path else { return .notFound }
        guard head.start.first == "GET", head.lists("upgrade", in: "connection"),
            head.lists("websocket", in: "upgrade"), head["sec-websocket-version"] == "13",
            let key = head["sec-websocket-key"],
            Data(base64Encoded: key)?.count == 16
        else { return .notWebSocket }
        var reply =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(UpgradeMessages.accept(for: key))\r\n"
        var early: ByteBuffer?
        if let text = head["sec-websocket-protocol"], let data = EarlyData.decode(text) {
            early = data
            reply += "Sec-WebSocket-Protocol: \(text)\r\n"
        }
        return .welcome(reply + "\r\n", early: early)
    }
}

/// What a WebSocket outbound says to its server.
struct WebSocketClientPlan: Sendable {
    private let path: String
    private let host: String
    private let headers: [(String, String)]
    /// The most bytes that may go with the request; 0 = the request goes alone, at once.
    let earlyBytes: Int
    let heartbeat: TimeAmount?

    init(_ config: Xray_Transport_Internet_Websocket_Config, host: String) {
        path = UpgradeMessages.normalized(path: config.path)
        self.host = host
        var headers = config.header.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            .filter { $0.0.lowercased() != "host" }
        if !headers.contains(where: { $0.0.lowercased() == "user-agent" }) {
            headers.append(("User-Agent", UpgradeMessages.userAgent))
        }
        self.headers = headers + [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        // What a head may hold, as base64.
        earlyBytes = min(Int(config.ed), 2048)
        heartbeat = config.heartbeatPeriod > 0 ? .seconds(Int64(config.heartbeatPeriod)) : nil
    }

    static func makeKey() -> String {
        Data((0..<16).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
    }

    func request(to target: Destination, key: String, early: ByteBuffer?) -> ByteBuffer {
        var headers = headers + [("Sec-WebSocket-Key", key)]
        if let early { headers.append(("Sec-WebSocket-Protocol", EarlyData.encode(early))) }
        return UpgradeMessages.upgradeRequest(
            path: path, host: UpgradeMessages.host(host, target: target), headers: headers)
    }

    /// Why an answer is not the one that is waited for; nil = it is.
    func fault(of head: UpgradeHead, key: String) -> String? {
        guard head.start.count == 3, head.start[1] == "101" else { return head.start.joined(separator: " ") }
        guard head.lists("websocket", in: "upgrade"), head.lists("upgrade", in: "connection"),
            head["sec-websocket-accept"] == UpgradeMessages.accept(for: key)
        else { return "\(head.start.joined(separator: " ")), but not to WebSocket" }
        return nil
    }
}

/// The first bytes of a stream in the field for subprotocols: base64 in the alphabet of URLs, without padding.
enum EarlyData {
    static func encode(_ data: ByteBuffer) -> String {
        Data(data.readableBytesView).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    /// Takes the other alphabet and padding as well; nil for other text, and for none.
    static func decode(_ text: String) -> ByteBuffer? {
        let plain = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
            .replacingOccurrences(of: "=", with: "")
        let padding = String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: plain + padding), !data.isEmpty else { return nil }
        return ByteBuffer(bytes: data)
    }
}
