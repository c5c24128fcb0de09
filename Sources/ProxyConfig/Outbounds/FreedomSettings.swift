// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import XrayProtos

/// `settings` of a freedom (`direct`) outbound.
enum FreedomSettings {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Freedom_Config {
        try node.object { object in
            var config = Xray_Proxy_Freedom_Config()
            let older = object["domainStrategy"]
            let target = try object["targetStrategy"].flatMap { try $0.string().isEmpty ? nil : $0 }
            config.domainStrategy = try (target ?? older)?.domainStrategy() ?? .asIs
            if let fragment = object["fragment"] { config.fragment = try decode(fragment: fragment) }
            if let noise = object["noise"] { throw noise.error("noise was removed; use the list noises") }
            config.noises = try object["noises"]?.elements().map { try NoiseSection.decode($0) } ?? []
            config.userLevel = try object.integer("userLevel")
            if let redirect = object["redirect"], try !redirect.string().isEmpty {
                config.destinationOverride.server = try decode(redirect: redirect)
            }
            let version = try object.integer("proxyProtocol", as: UInt32.self)
            if version <= 2 { config.proxyProtocol = version }
            config.finalRules = try object["finalRules"]?.elements().map { try decode(finalRule: $0) } ?? []
            object["ipsBlocked"]?.warn("ipsBlocked has no effect; use finalRules")
            return config
        }
    }

    private static func decode(redirect node: ConfigNode) throws -> Xray_Common_Protocol_ServerEndpoint {
        let text = try node.string()
        guard let target = HostAndPort(text), target.port.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let port = UInt16(target.port)
        else { throw node.error("host:port is needed, found \(text.quoted)") }
        var endpoint = Xray_Common_Protocol_ServerEndpoint()
        endpoint.port = UInt32(port)
        if !target.host.isEmpty { endpoint.address = .init(Address(configured: target.host)) }
        return endpoint
    }

    private static func decode(fragment node: ConfigNode) throws -> Xray_Proxy_Freedom_Fragment {
        try node.object { object in
            var fragment = Xray_Proxy_Freedom_Fragment()
            let packets = try object.string("packets")
            switch packets.lowercased() {
            case "tlshello": fragment.packetsTo = 1
            case "": break
            default:
                guard let (from, to) = ConfigNode.range(packets), from > 0, to >= 0 else {
                    throw (object["packets"] ?? node).error(
                        "tlshello or a range that begins at 1 or more is needed, found \(packets.quoted)")
                }
                fragment.packetsFrom = UInt64(from)
                fragment.packetsTo = UInt64(to)
            }
            guard let length = try range("length", of: object), length.lowerBound > 0 else {
                throw (object["length"] ?? node).error("a length of 1 or more is needed")
            }
            (fragment.lengthMin, fragment.lengthMax) = (length.lowerBound, length.upperBound)
            guard let interval = try range("interval", of: object) else { throw node.error("an interval is needed") }
            (fragment.intervalMin, fragment.intervalMax) = (interval.lowerBound, interval.upperBound)
            if let split = try range("maxSplit", of: object) {
                (fragment.maxSplitMin, fragment.maxSplitMax) = (split.lowerBound, split.upperBound)
            }
            return fragment
        }
    }

    private static func decode(finalRule node: ConfigNode) throws -> Xray_Proxy_Freedom_FinalRuleConfig {
        try node.object { object in
            var rule = Xray_Proxy_Freedom_FinalRuleConfig()
            switch try object.string("action").lowercased() {
            case "allow": rule.action = .allow
            case "block": rule.action = .block
            case let other:
                throw (object["action"] ?? node).error("unknown action (known: allow, block): \(other.quoted)")
            }
            rule.networks = try object["network"]?.networks() ?? []
            if let port = object["port"] { rule.portList = try port.portList() }
            rule.ip = try object["ip"]?.ipRules() ?? []
            if let delay = try range("blockDelay", of: object) {
                rule.blockDelay.min = delay.lowerBound
                rule.blockDelay.max = delay.upperBound
            }
            return rule
        }
    }

    /// A range without negative ends.
    static func range(_ key: String, of object: ObjectReader) throws -> ClosedRange<UInt64>? {
        guard let node = object[key] else { return nil }
        let range = try node.range()
        guard range.lowerBound >= 0 else { throw node.error("0 or more is needed, found \(range.lowerBound)") }
        return UInt64(range.lowerBound)...UInt64(range.upperBound)
    }
}

/// One element of `noises` of a freedom outbound.
enum NoiseSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Proxy_Freedom_Noise {
        try node.object { object in
            var noise = Xray_Proxy_Freedom_Noise()
            let packet = String(try object.string("packet")[...].trimmed)
            let place = object["packet"] ?? node
            switch try object.string("type") {
            case "rand":
                guard let (from, to) = ConfigNode.range(packet), from > 0, to > 0 else {
                    throw place.error("a range of lengths from 1 on is needed, found \(packet.quoted)")
                }
                noise.lengthMin = UInt64(from)
                noise.lengthMax = UInt64(to)
            case "str":
                noise.packet = Data(packet.utf8)
            case "hex":
                guard let bytes = Data(hexadecimal: packet) else { throw place.error("not hexadecimal digits") }
                noise.packet = bytes
            case "base64":
                let plain = packet.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
                guard let bytes = Data(base64URL: plain.filter { $0 != "=" }) else { throw place.error("not base64") }
                noise.packet = bytes
            case let other:
                throw (object["type"] ?? node).error("unknown type (known: rand, str, hex, base64): \(other.quoted)")
            }
            if let delay = try FreedomSettings.range("delay", of: object) {
                noise.delayMin = delay.lowerBound
                noise.delayMax = delay.upperBound
            }
            switch try object.string("applyTo").lowercased() {
            case "", "ip", "all": noise.applyTo = "ip"
            case "ipv4": noise.applyTo = "ipv4"
            case "ipv6": noise.applyTo = "ipv6"
            case let other:
                throw (object["applyTo"] ?? node).error("unknown value (known: ip, ipv4, ipv6): \(other.quoted)")
            }
            return noise
        }
    }
}
