// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation
import NIOCore
import ProxyModel

/// What is said in HTTP/1.1 before a transport's bytes flow.
enum UpgradeMessages {
    static let notFound = ByteBuffer(string: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    static let badRequest = ByteBuffer(
        string: "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
            + "400 Bad Request")
    static let tooLarge = ByteBuffer(
        string: "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
            + "Connection: close\r\n\r\n431 Request Header Fields Too Large")

    /// The browser that the original pretends to be.
    static let userAgent =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"

    /// RFC 6455 section 1.3: proves that the key was read by somebody who knows of WebSocket.
    static func accept(for key: String) -> String {
        let hash = Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        return Data(hash).base64EncodedString()
    }

    /// A path with a slash in front.
    static func normalized(path: String) -> String {
        path.hasPrefix("/") ? path : "/" + path
    }

    /// The Host header of a request: the configured name, else the target, with its port where that is not the scheme's.
    static func host(_ configured: String, target: Destination) -> String {
        if !configured.isEmpty { return configured }
        return target.port == 80 || target.port == 443 ? "\(target.address)" : target.hostAndPort
    }

    /// A GET request for an upgrade.
    static func upgradeRequest(path: String, host: String, headers: [(String, String)]) -> ByteBuffer {
        var text = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        return ByteBuffer(string: text + "\r\n")
    }
}
