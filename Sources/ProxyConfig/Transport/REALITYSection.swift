// SPDX-License-Identifier: Apache-2.0
import Foundation
import XrayProtos

/// The `realitySettings` object: a server's when it has a `target` (formerly `dest`), else a client's.
enum REALITYSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Reality_Config {
        try node.object { object in
            var config = Xray_Transport_Internet_Reality_Config()
            config.masterKeyLog = try object.string("masterKeyLog")
            config.show = try object.bool("show")
            let dest = object["dest"]
            if let target = object["target"] ?? dest {
                try decodeServer(into: &config, target: target, from: object)
            } else {
                try decodeClient(into: &config, from: object)
            }
            object.ignore(
                "target", "dest", "type", "xver", "serverNames", "privateKey", "minClientVer", "maxClientVer",
                "maxTimeDiff", "shortIds", "mldsa65Seed", "limitFallbackUpload", "limitFallbackDownload", "fingerprint",
                "serverName", "password", "publicKey", "shortId", "mldsa65Verify", "spiderX")
            return config
        }
    }

    private static func decodeServer(
        into config: inout Xray_Transport_Internet_Reality_Config, target: ConfigNode, from object: ObjectReader
    ) throws {
        let node = object.owner
        let fallback = FallbackTarget(
            dest: FallbackTarget.text(of: target), type: try object.string("type"), servesWebSocket: false)
        guard !fallback.type.isEmpty else {
            throw target.error("not a port, an address with a port or a socket's path")
        }
        config.dest = fallback.dest
        config.type = fallback.type
        config.xver = try object.integer("xver")
        guard config.xver <= 2 else {
            throw (object["xver"] ?? node).error("0, 1 or 2 is needed, found \(config.xver)")
        }
        config.serverNames = try object["serverNames"]?.textList() ?? []
        guard !config.serverNames.isEmpty else { throw node.error("serverNames are needed") }
        config.privateKey = try key("privateKey", count: 32, from: object)
        config.minClientVer = try version(object["minClientVer"]) ?? Data([26, 3, 27])
        config.maxClientVer = try version(object["maxClientVer"]) ?? Data()
        config.maxTimeDiff = try object.integer("maxTimeDiff")
        guard let shortIDs = object["shortIds"], case let ids = try shortIDs.elements(), !ids.isEmpty else {
            throw node.error("shortIds are needed")
        }
        config.shortIds = try ids.map { try shortID($0) }
        if let seed = object["mldsa65Seed"], case let text = try seed.string(), !text.isEmpty {
            guard try text != object.string("privateKey") else { throw seed.error("the same as the privateKey") }
            config.mldsa65Seed = try key("mldsa65Seed", count: 32, from: object)
        }
        config.limitFallbackUpload = try limit(object["limitFallbackUpload"])
        config.limitFallbackDownload = try limit(object["limitFallbackDownload"])
    }

    private static func decodeClient(
        into config: inout Xray_Transport_Internet_Reality_Config, from object: ObjectReader
    ) throws {
        let node = object.owner
        if let fingerprint = object["fingerprint"] {
            config.fingerprint = try TLSFingerprint.decode(fingerprint)
            guard config.fingerprint != "unsafe", config.fingerprint != "hellogolang" else {
                throw fingerprint.error("reality cannot use the fingerprint \(config.fingerprint)")
            }
        }
        for key in ["serverNames", "shortIds"] {
            if let list = object[key], try !list.elements().isEmpty {
                throw list.error("a client has one: write \(key.dropLast())")
            }
        }
        let password = try object.string("password")
        config.publicKey = try key(password.isEmpty ? "publicKey" : "password", count: 32, from: object)
        config.shortID = try object["shortId"].map { try shortID($0) } ?? Data(count: 8)
        if let verify = object["mldsa65Verify"], try !verify.string().isEmpty {
            config.mldsa65Verify = try key("mldsa65Verify", count: 1952, from: object)
        }
        let spider = try object.string("spiderX")
        guard spider.isEmpty || spider.hasPrefix("/") else {
            throw (object["spiderX"] ?? node).error("a path that begins with / is needed, found \(spider.quoted)")
        }
        (config.spiderX, config.spiderY) = SpiderPath.split(spider.isEmpty ? "/" : spider)
        config.serverName = try object.string("serverName")
    }

    private static func key(_ name: String, count: Int, from object: ObjectReader) throws -> Data {
        guard let node = object[name] else { throw object.owner.error("\(name) is needed") }
        guard let data = Data(base64URL: try node.string()), data.count == count else {
            throw node.error("not base64 (in the alphabet of URLs, without padding) of \(count) bytes")
        }
        return data
    }

    private static func shortID(_ node: ConfigNode) throws -> Data {
        let text = try node.string()
        guard text.utf8.count <= 16, let data = Data(hexadecimal: text) else {
            throw node.error("an even number of up to 16 hexadecimal digits is needed, found \(text.quoted)")
        }
        return data + Data(count: 8 - data.count)
    }

    private static func version(_ node: ConfigNode?) throws -> Data? {
        guard let node, case let text = try node.string(), !text.isEmpty else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count <= 3, !parts.contains(nil) else { throw node.error("not a version: \(text.quoted)") }
        return Data(parts.compactMap { $0 } + Array(repeating: 0, count: 3 - parts.count))
    }

    private static func limit(_ node: ConfigNode?) throws -> Xray_Transport_Internet_Reality_LimitFallback {
        var limit = Xray_Transport_Internet_Reality_LimitFallback()
        guard let node else { return limit }
        return try node.object { object in
            limit.afterBytes = try object.integer("afterBytes")
            limit.bytesPerSec = try object.integer("bytesPerSec")
            limit.burstBytesPerSec = try object.integer("burstBytesPerSec")
            return limit
        }
    }
}

/// A path whose query may hold five ranges for the spider: `p` padding, `c` concurrency, `t` times, `i` interval, `r` return.
enum SpiderPath {
    /// The path without them, the rest of the query in the order of names, and the ten numbers.
    static func split(_ path: String) -> (path: String, numbers: [Int64]) {
        var numbers = [Int64](repeating: 0, count: 10)
        guard let mark = path.firstIndex(of: "?") else { return (path, numbers) }
        var rest: [Substring] = []
        for pair in path[path.index(after: mark)...].split(separator: "&") {
            let name = pair.prefix { $0 != "=" }
            guard let place = ["p", "c", "t", "i", "r"].firstIndex(of: String(name)) else {
                rest.append(pair)
                continue
            }
            let ends = pair.dropFirst(2).split(separator: "-", omittingEmptySubsequences: false)
            numbers[place * 2] = ends.first.flatMap { Int64($0) } ?? 0
            numbers[place * 2 + 1] = (ends.count > 1 ? ends[1] : ends.first).flatMap { Int64($0) } ?? 0
        }
        let query = rest.sorted().joined(separator: "&")
        return (path[..<mark] + (query.isEmpty ? "" : "?\(query)"), numbers)
    }
}
