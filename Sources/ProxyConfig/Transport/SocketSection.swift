// SPDX-License-Identifier: Apache-2.0
import JSONText
import XrayProtos

/// The `sockopt` object.
enum SocketSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_SocketConfig {
        try node.object { object in
            var config = Xray_Transport_Internet_SocketConfig()
            config.mark = try object.integer("mark")
            config.tfo = try object["tcpFastOpen"].map { try fastOpen($0) } ?? 0
            config.tproxy =
                switch try object.string("tproxy").lowercased() {
                case "tproxy": .tproxy
                case "redirect": .redirect
                default: .off
                }
            config.acceptProxyProtocol = try object.bool("acceptProxyProtocol")
            config.domainStrategy = try object["domainStrategy"]?.domainStrategy() ?? .asIs
            config.dialerProxy = try object.string("dialerProxy")
            if let noDelay = object["tcpNoDelay"], try !noDelay.bool() {
                noDelay.warn("it cannot be switched off: nothing that is written is held back")
            }
            config.tcpKeepAliveInterval = try object.integer("tcpKeepAliveInterval")
            config.tcpKeepAliveIdle = try object.integer("tcpKeepAliveIdle")
            config.tcpCongestion = try object.string("tcpCongestion")
            config.tcpWindowClamp = try object.integer("tcpWindowClamp")
            config.tcpMaxSeg = try object.integer("tcpMaxSeg")
            config.penetrate = try object.bool("penetrate")
            config.tcpUserTimeout = try object.integer("tcpUserTimeout")
            config.v6Only = try object.bool("v6only")
            config.interface = try object.string("interface")
            config.tcpMptcp = try object.bool("tcpMptcp")
            config.customSockopt = try object["customSockopt"]?.elements().map { try custom($0) } ?? []
            config.addressPortStrategy = try object["addressPortStrategy"].map { try strategy($0) } ?? .none
            config.happyEyeballs = try happyEyeballs(object["happyEyeballs"])
            config.trustedXForwardedFor = try object["trustedXForwardedFor"]?.textList() ?? []
            return config
        }
    }

    /// The length of the queue: true is 256, false switches fast open off (-1).
    private static func fastOpen(_ node: ConfigNode) throws -> Int32 {
        switch node.node.value {
        case .bool(let isOn): return isOn ? 256 : -1
        case .number:
            let value = try node.double().rounded(.towardZero)
            return Int32(min(max(value, Double(Int32.min)), Double(Int32.max)))
        default: throw node.error("true, false or a number is needed, found \(node.node.summary)")
        }
    }

    private static func custom(_ node: ConfigNode) throws -> Xray_Transport_Internet_CustomSockopt {
        try node.object { object in
            var option = Xray_Transport_Internet_CustomSockopt()
            option.system = try object.string("system")
            option.network = try object.string("network")
            option.level = try object.string("level")
            option.opt = try object.string("opt")
            option.value = try object.string("value")
            option.type = try object.string("type")
            return option
        }
    }

    private static func strategy(_ node: ConfigNode) throws -> Xray_Transport_Internet_AddressPortStrategy {
        let text = try node.string()
        switch text.lowercased() {
        case "", "none": return .none
        case "srvportonly": return .srvPortOnly
        case "srvaddressonly": return .srvAddressOnly
        case "srvportandaddress": return .srvPortAndAddress
        case "txtportonly": return .txtPortOnly
        case "txtaddressonly": return .txtAddressOnly
        case "txtportandaddress": return .txtPortAndAddress
        default: throw node.error("unknown strategy for address and port: \(text.quoted)")
        }
    }

    private static func happyEyeballs(_ node: ConfigNode?) throws -> Xray_Transport_Internet_HappyEyeballsConfig {
        var config = Xray_Transport_Internet_HappyEyeballsConfig()
        config.interleave = 1
        config.maxConcurrentTry = 4
        guard let node else { return config }
        return try node.object { object in
            config.prioritizeIpv6 = try object.bool("prioritizeIPv6")
            config.tryDelayMs = try object.integer("tryDelayMs")
            config.interleave = try object.optionalInteger("interleave") ?? config.interleave
            config.maxConcurrentTry = try object.optionalInteger("maxConcurrentTry") ?? config.maxConcurrentTry
            return config
        }
    }
}
