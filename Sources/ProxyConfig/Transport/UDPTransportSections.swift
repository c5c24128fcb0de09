// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// The `kcpSettings` object.
enum KCPSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Kcp_Config {
        try node.object { object in
            for key in ["header", "seed"] {
                if let removed = object[key] { throw removed.error("the mKCP key \(key) was removed") }
            }
            var config = Xray_Transport_Internet_Kcp_Config()
            config.mtu = try object.optionalInteger("mtu") ?? 1350
            config.tti = try object.optionalInteger("tti") ?? 50
            config.uplinkCapacity = try object.optionalInteger("uplinkCapacity") ?? 5
            config.downlinkCapacity = try object.optionalInteger("downlinkCapacity") ?? 20
            config.cwndMultiplier = try object.optionalInteger("cwndMultiplier") ?? 1
            config.maxSendingWindow = try object.optionalInteger("maxSendingWindow") ?? 2 * 1024 * 1024
            guard config.mtu >= 21 else { throw node.error("the mtu is at least 21, found \(config.mtu)") }
            guard (10...1000).contains(config.tti) else {
                throw node.error("the tti is 10 to 1000, found \(config.tti)")
            }
            guard config.cwndMultiplier >= 1 else { throw node.error("the cwndMultiplier is at least 1") }
            guard config.maxSendingWindow >= config.mtu else {
                throw node.error("maxSendingWindow is less than the mtu")
            }
            object.ignore("congestion", "readBufferSize", "writeBufferSize")
            return config
        }
    }
}

/// The `hysteriaSettings` object.
enum HysteriaSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Hysteria_Config {
        try node.object { object in
            guard try object.integer("version", as: Int32.self) == 2 else {
                throw (object["version"] ?? node).error("the version of hysteria must be 2")
            }
            var config = Xray_Transport_Internet_Hysteria_Config()
            config.auth = try object.string("auth")
            config.udpIdleTimeout = try object.integer("udpIdleTimeout")
            guard config.udpIdleTimeout == 0 || (2...600).contains(config.udpIdleTimeout) else {
                throw (object["udpIdleTimeout"] ?? node).error("2 to 600 seconds, found \(config.udpIdleTimeout)")
            }
            if config.udpIdleTimeout == 0 { config.udpIdleTimeout = 60 }
            if let masquerade = object["masquerade"] { try decode(masquerade, into: &config) }
            object.ignore("congestion", "up", "down", "udphop")
            return config
        }
    }

    private static func decode(
        _ node: ConfigNode, into config: inout Xray_Transport_Internet_Hysteria_Config
    ) throws {
        try node.object { object in
            config.masqType = try object.string("type")
            config.masqFile = try object.string("dir")
            config.masqURL = try object.string("url")
            config.masqURLRewriteHost = try object.bool("rewriteHost")
            config.masqURLInsecure = try object.bool("insecure")
            config.masqString = try object.string("content")
            config.masqStringHeaders = try object.textMap("headers")
            config.masqStringStatusCode = try object.integer("statusCode")
        }
    }
}
