// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import XrayProtos

/// The `rawSettings` object (formerly `tcpSettings`).
enum RawSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Tcp_Config {
        try node.object { object in
            var config = Xray_Transport_Internet_Tcp_Config()
            config.acceptProxyProtocol = try object.bool("acceptProxyProtocol")
            if let header = object["header"] { config.headerSettings = try header.pack(try decode(header: header)) }
            return config
        }
    }

    private static func decode(header node: ConfigNode) throws -> any Message {
        try node.object { object in
            let request = object["request"]
            let response = object["response"]
            guard let type = object["type"] else { throw node.error("a header needs a type") }
            switch try type.string().lowercased() {
            case "none":
                return Xray_Transport_Internet_Headers_Noop_ConnectionConfig()
            case "http":
                var config = Xray_Transport_Internet_Headers_Http_Config()
                config.request = try decode(request: request)
                config.response = try decode(response: response)
                return config
            case let other:
                throw type.error("unknown type of header (known: none, http): \(other.quoted)")
            }
        }
    }

    private static func decode(request node: ConfigNode?) throws -> Xray_Transport_Internet_Headers_Http_RequestConfig {
        var config = Xray_Transport_Internet_Headers_Http_RequestConfig()
        config.uri = ["/"]
        config.header = requestHeaders
        guard let node else { return config }
        return try node.object { object in
            if let version = object["version"], case let text = try version.string(), !text.isEmpty {
                config.version.value = text
            }
            if let method = object["method"], case let text = try method.string(), !text.isEmpty {
                config.method.value = text
            }
            let path = try object.strings("path")
            if !path.isEmpty { config.uri = path }
            if let headers = object["headers"] { config.header = try decode(headers: headers) ?? config.header }
            return config
        }
    }

    private static func decode(
        response node: ConfigNode?
    ) throws -> Xray_Transport_Internet_Headers_Http_ResponseConfig {
        var config = Xray_Transport_Internet_Headers_Http_ResponseConfig()
        config.header = responseHeaders
        guard let node else { return config }
        return try node.object { object in
            if let version = object["version"], case let text = try version.string(), !text.isEmpty {
                config.version.value = text
            }
            let status = try object.string("status")
            let reason = try object.string("reason")
            if !status.isEmpty || !reason.isEmpty {
                config.status.code = status.isEmpty ? "200" : status
                config.status.reason = reason.isEmpty ? "OK" : reason
            }
            if let headers = object["headers"] { config.header = try decode(headers: headers) ?? config.header }
            return config
        }
    }

    /// The headers in the order of their names; nil when there are none.
    private static func decode(headers node: ConfigNode) throws -> [Xray_Transport_Internet_Headers_Http_Header]? {
        let headers = try node.members().sorted { $0.name < $1.name }.map { name, value in
            guard !value.isNull else { throw value.error("a header without a value") }
            return header(name, try value.strings())
        }
        return headers.isEmpty ? nil : headers
    }

    private static func header(_ name: String, _ values: [String]) -> Xray_Transport_Internet_Headers_Http_Header {
        var header = Xray_Transport_Internet_Headers_Http_Header()
        header.name = name
        header.value = values
        return header
    }

    private static let requestHeaders = [
        header("Host", ["www.baidu.com", "www.bing.com"]),
        header(
            "User-Agent",
            [
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 "
                    + "Safari/537.36"
            ]),
        header("Sec-CH-UA", [#""Not;A=Brand";v="8", "Chromium";v="150", "Google Chrome";v="150""#]),
        header("Sec-CH-UA-Mobile", ["?0"]),
        header("Sec-CH-UA-Platform", ["Windows"]),
        header("Sec-Fetch-Mode", ["no-cors", "cors", "same-origin"]),
        header("Sec-Fetch-Dest", ["empty"]),
        header("Sec-Fetch-Site", ["none"]),
        header("Sec-Fetch-User", ["?1"]),
        header("Accept-Encoding", ["gzip, deflate"]),
        header("Connection", ["keep-alive"]),
        header("Pragma", ["no-cache"]),
    ]

    private static let responseHeaders = [
        header("Content-Type", ["application/octet-stream", "video/mpeg"]),
        header("Transfer-Encoding", ["chunked"]),
        header("Connection", ["keep-alive"]),
        header("Pragma", ["no-cache"]),
        header("Cache-Control", ["private", "no-cache"]),
    ]
}
