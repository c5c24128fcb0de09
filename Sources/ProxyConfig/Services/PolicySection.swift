// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// The `policy` object.
enum PolicySection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Policy_Config {
        try node.object { object in
            var config = Xray_App_Policy_Config()
            for (name, value) in try object["levels"]?.members() ?? [] where !value.isNull {
                guard name.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let level = UInt32(name) else {
                    throw value.error("a level is a number from 0 to \(UInt32.max), found \(name.quoted)")
                }
                config.level[level] = try policy(value)
            }
            if let system = object["system"] { config.system = try decode(system: system) }
            return config
        }
    }

    private static func policy(_ node: ConfigNode) throws -> Xray_App_Policy_Policy {
        try node.object { object in
            var policy = Xray_App_Policy_Policy()
            policy.timeout = .init()
            if let value = try object.optionalInteger("handshake", as: UInt32.self) {
                policy.timeout.handshake = .init(seconds: value)
            }
            if let value = try object.optionalInteger("connIdle", as: UInt32.self) {
                policy.timeout.connectionIdle = .init(seconds: value)
            }
            if let value = try object.optionalInteger("uplinkOnly", as: UInt32.self) {
                policy.timeout.uplinkOnly = .init(seconds: value)
            }
            if let value = try object.optionalInteger("downlinkOnly", as: UInt32.self) {
                policy.timeout.downlinkOnly = .init(seconds: value)
            }
            policy.stats = .init()
            policy.stats.userUplink = try object.bool("statsUserUplink")
            policy.stats.userDownlink = try object.bool("statsUserDownlink")
            policy.stats.userOnline = try object.bool("statsUserOnline")
            if let size = object["bufferSize"] {
                let kibibytes = try size.integer(as: Int32.self)
                let (bytes, overflow) = kibibytes.multipliedReportingOverflow(by: 1024)
                guard !overflow else { throw size.error("at most \(Int32.max / 1024) kilobytes, found \(kibibytes)") }
                policy.buffer.connection = kibibytes < 0 ? -1 : bytes
            }
            return policy
        }
    }

    private static func decode(system node: ConfigNode) throws -> Xray_App_Policy_SystemPolicy {
        try node.object { object in
            var system = Xray_App_Policy_SystemPolicy()
            system.stats = .init()
            system.stats.inboundUplink = try object.bool("statsInboundUplink")
            system.stats.inboundDownlink = try object.bool("statsInboundDownlink")
            system.stats.outboundUplink = try object.bool("statsOutboundUplink")
            system.stats.outboundDownlink = try object.bool("statsOutboundDownlink")
            return system
        }
    }
}

extension Xray_App_Policy_Second {
    fileprivate init(seconds: UInt32) {
        self.init()
        value = seconds
    }
}
