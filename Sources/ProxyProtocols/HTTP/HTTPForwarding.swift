// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// How a plain request is passed on.
package enum HTTPForwarding {
    /// Fields that belong to one hop and are not passed on (RFC 9110 section 7.6.1); `Host` is written anew.
    private static let dropped: Set<String> = [
        "connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailers", "upgrade",
    ]

    /// The head that the server gets. The body that follows it is not changed, so `Transfer-Encoding` stays; with it,
    /// a `Content-Length` means nothing and is left out.
    package static func originForm(_ head: HTTPRequestHead, host: String, path: String) -> ByteBuffer {
        var head = head
        let named = head.values("connection").flatMap { $0.split(separator: ",") }
            .map { $0.trimmingPrefix { $0 == " " || $0 == "\t" }.lowercased() }
            .map { String($0.prefix { $0 != " " && $0 != "\t" }) }
        let framing: Set<String> = ["content-length", "transfer-encoding"]
        head.remove(dropped.union(Set(named).subtracting(framing)))
        if !head.values("transfer-encoding").isEmpty { head.remove(["content-length"]) }
        var buffer = ByteBuffer()
        buffer.writeString("\(head.method) \(path) \(head.version)\r\nHost: \(host)\r\nConnection: close\r\n")
        for (name, value) in head.fields {
            buffer.writeString("\(name): ")
            buffer.writeBytes(value)
            buffer.writeString("\r\n")
        }
        buffer.writeString("\r\n")
        return buffer
    }
}

/// Answers that the proxy gives itself.
package enum HTTPProxyReply {
    package static let established = ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n")
    package static let badRequest = closing("400 Bad Request", "Proxy-Connection: close\r\n")
    package static let authenticationRequired = closing(
        "407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"proxy\"\r\n")
    package static let serviceUnavailable = closing("503 Service Unavailable", "Proxy-Connection: close\r\n")

    private static func closing(_ status: String, _ fields: String) -> ByteBuffer {
        ByteBuffer(string: "HTTP/1.1 \(status)\r\nConnection: close\r\n\(fields)Content-Length: 0\r\n\r\n")
    }
}
