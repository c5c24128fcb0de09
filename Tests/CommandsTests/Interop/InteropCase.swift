// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The programs that can stand at either end of a case.
enum InteropProgram: String, Sendable {
    case tidegate
    /// Debian's v2ray 4.34.
    case v2ray
}

/// A protocol of the matrix: one line here is a row of cases. Settings are Xray's JSON, which v2ray 4.34 reads as well, but for
/// what the closures tell apart by program.
struct InteropProtocol: Sendable {
    var name: String
    /// What tells rows of one protocol apart.
    var label = ""
    /// The `settings` of an inbound.
    var inbound: @Sendable (InteropProgram) -> String
    /// The `settings` of an outbound whose server listens on 127.0.0.1 at a port.
    var outbound: @Sendable (InteropProgram, UInt16) -> String

    static let id = "b831381d-6324-4d53-ad4f-8cda48b30811"

    static let vless = InteropProtocol(name: "vless") { _ in
        #"{"decryption": "none", "clients": [{"id": "\#(id)", "email": "alice@example.com"}]}"#
    } outbound: { _, port in
        """
        {"vnext": [{"address": "127.0.0.1", "port": \(port), "users": [{"id": "\(id)", "encryption": "none"}]}]}
        """
    }
}

/// A transport of the matrix: one line here is a column.
struct InteropTransport: Sendable {
    var name: String
    /// The `streamSettings` of a server. `@DIR@` stands for the folder with the certificates.
    var server: String
    var client: String
    /// The programs that have it, beside Tidegate.
    var isKnownToV2Ray = true

    static let serverTLS = """
        "security": "tls", "tlsSettings": {"certificates":
          [{"certificateFile": "@DIR@/server.pem", "keyFile": "@DIR@/server.key"}]}
        """
    static let clientTLS = """
        "security": "tls", "tlsSettings": {"serverName": "proxy.example", "disableSystemRoot": true,
          "certificates": [{"usage": "verify", "certificateFile": "@DIR@/authority.pem"}]}
        """

    static let raw = same("raw", #"{"network": "tcp"}"#)
    static let tls = InteropTransport(
        name: "tls", server: #"{"network": "tcp", \#(serverTLS)}"#, client: #"{"network": "tcp", \#(clientTLS)}"#)
    private static let httpHeader = """
        "network": "tcp", "tcpSettings": {"header": {"type": "http", "request": {"path": ["/a", "/b"],
          "headers": {"Host": ["a.example", "b.example"], "Connection": "keep-alive"}}}}
        """
    static let rawHTTP = same("raw+http", "{\(httpHeader)}")
    static let rawHTTPTLS = InteropTransport(
        name: "raw+http+tls", server: "{\(httpHeader), \(serverTLS)}", client: "{\(httpHeader), \(clientTLS)}")
    /// With the defaults of both programs, of which only the path has to be the same.
    static let rawHTTPDefault = same(
        "raw+http by default", #"{"network": "tcp", "tcpSettings": {"header": {"type": "http"}}}"#)
    static let webSocket = same("ws", #"{"network": "ws", "wsSettings": {"path": "/chat"}}"#)
    static let webSocketTLS = InteropTransport(
        name: "ws+tls", server: #"{"network": "ws", "wsSettings": {"path": "/chat"}, \#(serverTLS)}"#,
        client: #"{"network": "ws", "wsSettings": {"path": "/chat"}, \#(clientTLS)}"#)
    static let webSocketEarly = InteropTransport(
        name: "ws with early data", server: #"{"network": "ws", "wsSettings": {"path": "/chat"}}"#,
        client: #"{"network": "ws", "wsSettings": {"path": "/chat?ed=2048"}}"#, isKnownToV2Ray: false)
    static let httpUpgrade = own("httpupgrade", #"{"network": "httpupgrade", "httpupgradeSettings": {"path": "/up"}}"#)
    static let httpUpgradeTLS = InteropTransport(
        name: "httpupgrade+tls",
        server: #"{"network": "httpupgrade", "httpupgradeSettings": {"path": "/up"}, \#(serverTLS)}"#,
        client: #"{"network": "httpupgrade", "httpupgradeSettings": {"path": "/up"}, \#(clientTLS)}"#,
        isKnownToV2Ray: false)

    static let grpc = own("grpc", #"{"network": "grpc", "grpcSettings": {"serviceName": "gun"}}"#)
    static let grpcMulti = own(
        "grpc multi", #"{"network": "grpc", "grpcSettings": {"serviceName": "/a/b/One|Many", "multiMode": true}}"#)
    static let grpcTLS = InteropTransport(
        name: "grpc+tls", server: #"{"network": "grpc", "grpcSettings": {"serviceName": "gun"}, \#(serverTLS)}"#,
        client: #"{"network": "grpc", "grpcSettings": {"serviceName": "gun"}, \#(clientTLS)}"#, isKnownToV2Ray: false)

    static let all = [
        raw, tls, rawHTTP, rawHTTPTLS, rawHTTPDefault, webSocket, webSocketTLS, webSocketEarly, httpUpgrade,
        httpUpgradeTLS, grpc, grpcMulti, grpcTLS,
    ]

    private static func same(_ name: String, _ settings: String) -> InteropTransport {
        InteropTransport(name: name, server: settings, client: settings)
    }

    private static func own(_ name: String, _ settings: String) -> InteropTransport {
        InteropTransport(name: name, server: settings, client: settings, isKnownToV2Ray: false)
    }
}

/// One cell: who is the client, who the server, and what they speak over what.
struct InteropCase: Sendable, CustomTestStringConvertible {
    var proto: InteropProtocol
    var transport: InteropTransport
    var client: InteropProgram
    var server: InteropProgram
    /// The client puts its sessions into connections of mux.cool.
    var isMuxed = false

    var testDescription: String {
        "\(proto.name)\(proto.label) over \(transport.name)\(isMuxed ? " with mux" : ""), "
            + "\(client.rawValue) → \(server.rawValue)"
    }

    /// Somebody else's program is at one end.
    var isForeign: Bool { client != server }

    /// Every protocol over every transport: v2ray at either end where it has the transport, else Tidegate at both.
    static func matrix(_ protocols: [InteropProtocol], _ transports: [InteropTransport]) -> [InteropCase] {
        protocols.flatMap { proto in
            transports.flatMap { transport -> [InteropCase] in
                guard transport.isKnownToV2Ray else {
                    return [InteropCase(proto: proto, transport: transport, client: .tidegate, server: .tidegate)]
                }
                return [
                    InteropCase(proto: proto, transport: transport, client: .v2ray, server: .tidegate),
                    InteropCase(proto: proto, transport: transport, client: .tidegate, server: .v2ray),
                ]
            }
        }
    }
}
