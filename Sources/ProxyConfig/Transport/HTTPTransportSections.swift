// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// The `wsSettings` object.
enum WebSocketSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Websocket_Config {
        try node.object { object in
            var config = Xray_Transport_Internet_Websocket_Config()
            (config.path, config.ed) = EarlyData.split(path: try object.string("path"))
            config.host = try object.string("host")
            for (name, value) in try object.textMap("headers") {
                if name.lowercased() != "host" {
                    config.header[name] = value
                } else if config.host.isEmpty {
                    config.host = value
                }
            }
            config.acceptProxyProtocol = try object.bool("acceptProxyProtocol")
            config.heartbeatPeriod = try object.integer("heartbeatPeriod")
            return config
        }
    }
}

/// The `httpupgradeSettings` object.
enum HTTPUpgradeSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Httpupgrade_Config {
        try node.object { object in
            var config = Xray_Transport_Internet_Httpupgrade_Config()
            (config.path, config.ed) = EarlyData.split(path: try object.string("path"))
            config.host = try object.string("host")
            config.header = try object.textMap("headers")
            if config.header.keys.contains(where: { $0.lowercased() == "host" }) {
                throw (object["headers"] ?? node).error("the host has a key of its own, and is no header")
            }
            config.acceptProxyProtocol = try object.bool("acceptProxyProtocol")
            return config
        }
    }
}

/// The `grpcSettings` object; its newer keys are written with underscores.
enum GRPCSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Grpc_Encoding_Config {
        try node.object { object in
            var config = Xray_Transport_Internet_Grpc_Encoding_Config()
            config.authority = try object.string("authority")
            config.serviceName = try object.string("serviceName")
            config.multiMode = try object.bool("multiMode")
            config.idleTimeout = try max(0, object.integer("idle_timeout"))
            config.healthCheckTimeout = try max(0, object.integer("health_check_timeout"))
            config.permitWithoutStream = try object.bool("permit_without_stream")
            config.initialWindowsSize = try max(0, object.integer("initial_windows_size"))
            config.userAgent = try object.string("user_agent")
            return config
        }
    }
}

/// The number of bytes of early data, which stands in the path as the query `ed`.
enum EarlyData {
    /// The path without `ed`, the rest of its query in the order of names, and the number (0 when there is none).
    static func split(path: String) -> (path: String, bytes: UInt32) {
        guard let mark = path.firstIndex(of: "?") else { return (path, 0) }
        let tail = path[path.index(after: mark)...]
        let query = tail.prefix { $0 != "#" }
        let pairs = query.split(separator: "&").map { pair in
            (name: pair.prefix { $0 != "=" }, pair: pair)
        }
        guard let early = pairs.first(where: { $0.name == "ed" }), case let value = early.pair.dropFirst(3),
            !value.isEmpty
        else { return (path, 0) }
        let rest = pairs.enumerated().filter { $0.element.name != "ed" }
            .sorted { ($0.element.name, $0.offset) < ($1.element.name, $1.offset) }
            .map(\.element.pair).joined(separator: "&")
        let head = path[..<mark] + (rest.isEmpty ? "" : "?\(rest)") + tail.dropFirst(query.count)
        return (String(head), UInt32(value) ?? 0)
    }
}
