// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// The `xhttpSettings` object (formerly `splithttpSettings`). Where it has an `extra` object, all keys but host, path and
/// mode are read there.
enum XHTTPSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Splithttp_Config {
        try node.object { object in
            var config = Xray_Transport_Internet_Splithttp_Config()
            config.host = try object.string("host")
            config.path = try object.string("path")
            config.mode = try choice("mode", of: object, default: "auto", ["packet-up", "stream-up", "stream-one"])
            let extra = object["extra"]
            let rest = try extra?.objectReader() ?? object
            try decodeRanges(of: &config, from: rest)
            try decodePlacements(of: &config, from: rest)
            if let download = rest["downloadSettings"] {
                guard config.mode != "stream-one" else { throw download.error("not in the mode stream-one") }
                config.downloadSettings = try StreamSection.decode(download)
            }
            if extra == nil { return config }
            rest.ignore("host", "path", "mode", "extra")
            rest.warnOfUnknownKeys()
            for key in Self.extraKeys { object.ignore(key) }
            return config
        }
    }

    private static let extraKeys = [
        "headers", "xPaddingBytes", "noGRPCHeader", "noSSEHeader", "scMaxEachPostBytes", "scMinPostsIntervalMs",
        "scMaxBufferedPosts", "scStreamUpServerSecs", "xmux", "downloadSettings",
    ]

    private static func decodeRanges(
        of config: inout Xray_Transport_Internet_Splithttp_Config, from object: ObjectReader
    ) throws {
        config.headers = try object.textMap("headers")
        if let headers = object["headers"], config.headers.keys.contains(where: { $0.lowercased() == "host" }) {
            throw headers.error("the host has a key of its own, and is no header")
        }
        config.xPaddingBytes = try range("xPaddingBytes", of: object)
        if let padding = object["xPaddingBytes"], config.xPaddingBytes.from <= 0 {
            throw padding.error("the padding cannot be switched off")
        }
        config.scMaxEachPostBytes = try range("scMaxEachPostBytes", of: object)
        config.scMinPostsIntervalMs = try range("scMinPostsIntervalMs", of: object)
        config.scMaxBufferedPosts = try object.integer("scMaxBufferedPosts")
        config.scStreamUpServerSecs = try range("scStreamUpServerSecs", of: object)
        config.uplinkChunkSize = try range("uplinkChunkSize", of: object)
        config.noGrpcheader = try object.bool("noGRPCHeader")
        config.noSseheader = try object.bool("noSSEHeader")
        config.serverMaxHeaderBytes = try object.integer("serverMaxHeaderBytes")
        guard config.serverMaxHeaderBytes >= 0 else {
            throw (object["serverMaxHeaderBytes"] ?? object.owner).error("0 or more is needed")
        }
        config.xmux = try decode(xmux: object["xmux"])
    }

    private static func decodePlacements(
        of config: inout Xray_Transport_Internet_Splithttp_Config, from object: ObjectReader
    ) throws {
        let places = ["cookie", "header", "query"]
        config.xPaddingObfsMode = try object.bool("xPaddingObfsMode")
        config.xPaddingKey = try text("xPaddingKey", of: object, default: "x_padding")
        config.xPaddingHeader = try text("xPaddingHeader", of: object, default: "X-Padding")
        config.xPaddingPlacement = try choice("xPaddingPlacement", of: object, default: "queryInHeader", places)
        config.xPaddingMethod = try choice("xPaddingMethod", of: object, default: "repeat-x", ["tokenish"])
        config.uplinkHttpmethod = try text("uplinkHTTPMethod", of: object, default: "POST").uppercased()
        config.uplinkDataPlacement = try choice(
            "uplinkDataPlacement", of: object, default: "auto", ["body", "cookie", "header"])
        let needsPackets =
            ["cookie", "header"].contains(config.uplinkDataPlacement) || config.uplinkHttpmethod == "GET"
        guard !needsPackets || config.mode == "packet-up" else {
            throw object.owner.error("data in headers or cookies and the method GET need the mode packet-up")
        }
        let uplinkKey = ["cookie": "x_data", "auto": "X-Data", "header": "X-Data"][config.uplinkDataPlacement] ?? ""
        config.uplinkDataKey = try text("uplinkDataKey", of: object, default: uplinkKey)
        config.sessionIdplacement = try choice("sessionIDPlacement", of: object, default: "path", places)
        config.sessionIdkey = try text(
            "sessionIDKey", of: object, default: key(for: config.sessionIdplacement, "session"))
        config.seqPlacement = try choice("seqPlacement", of: object, default: "path", places)
        config.seqKey = try text("seqKey", of: object, default: key(for: config.seqPlacement, "seq"))
        config.sessionIdlength = try range("sessionIDLength", of: object)
        config.sessionIdtable = try sessionTable(object, length: config.sessionIdlength)
    }

    private static func key(for placement: String, _ name: String) -> String {
        switch placement {
        case "cookie", "query": "x_\(name)"
        case "header": "X-\(name.prefix(1).uppercased())\(name.dropFirst())"
        default: ""
        }
    }

    /// The characters of session ids: a named set or the characters themselves, enough for 2^31 ids.
    private static func sessionTable(
        _ object: ObjectReader, length: Xray_Transport_Internet_Splithttp_RangeConfig
    ) throws -> String {
        guard let node = object["sessionIDTable"], case let name = try node.string(), !name.isEmpty else { return "" }
        let table = tables[name] ?? name
        guard table.utf8.allSatisfy({ $0 < 0x80 }) else { throw node.error("ASCII characters are needed") }
        guard length.from > 0 else { throw node.error("a sessionIDLength of 1 or more is needed") }
        let room = (length.from...max(length.from, length.to)).prefix(64).reduce(0.0) { sum, length in
            sum + (0..<min(Int(length), 64)).reduce(1.0) { product, _ in product * Double(table.utf8.count) }
        }
        guard room >= 0x1p31 else { throw node.error("too few session ids: use more characters or a longer length") }
        return table
    }

    private static let digits = "0123456789"
    private static let lower = "abcdefghijklmnopqrstuvwxyz"
    private static let tables = [
        "number": digits, "hex": digits + "abcdef", "HEX": digits + "ABCDEF", "base36": digits + lower,
        "BASE36": digits + lower.uppercased(), "alphabet": lower, "ALPHABET": lower.uppercased(),
        "Alphabet": lower.uppercased() + lower, "Base62": digits + lower.uppercased() + lower,
    ]

    private static func decode(xmux node: ConfigNode?) throws -> Xray_Transport_Internet_Splithttp_XmuxConfig {
        var config = Xray_Transport_Internet_Splithttp_XmuxConfig()
        let object = try node?.objectReader()
        config.maxConcurrency = try range("maxConcurrency", of: object)
        config.maxConnections = try range("maxConnections", of: object)
        config.cMaxReuseTimes = try range("cMaxReuseTimes", of: object)
        config.hMaxRequestTimes = try range("hMaxRequestTimes", of: object)
        config.hMaxReusableSecs = try range("hMaxReusableSecs", of: object)
        config.hKeepAlivePeriod = try object?.integer("hKeepAlivePeriod") ?? 0
        object?.warnOfUnknownKeys()
        if let node, config.maxConnections.to > 0, config.maxConcurrency.to > 0 {
            throw node.error("maxConnections does not go together with maxConcurrency")
        }
        let isDefault =
            [
                config.maxConcurrency, config.maxConnections, config.cMaxReuseTimes, config.hMaxRequestTimes,
                config.hMaxReusableSecs,
            ].allSatisfy { $0.from == 0 && $0.to == 0 } && config.hKeepAlivePeriod == 0
        if isDefault {
            config.maxConnections = .init(3...3)
            config.hMaxRequestTimes = .init(600...900)
            config.hMaxReusableSecs = .init(1800...3000)
        }
        return config
    }

    private static func range(
        _ key: String, of object: ObjectReader?
    ) throws -> Xray_Transport_Internet_Splithttp_RangeConfig {
        .init(try object?[key]?.range() ?? 0...0)
    }

    private static func text(_ key: String, of object: ObjectReader, default: String) throws -> String {
        let text = try object.string(key)
        return text.isEmpty ? `default` : text
    }

    private static func choice(
        _ key: String, of object: ObjectReader, default: String, _ others: [String]
    ) throws -> String {
        let text = try text(key, of: object, default: `default`)
        guard text == `default` || others.contains(text) else {
            throw (object[key] ?? object.owner).error(
                "unknown value (known: \(([`default`] + others).joined(separator: ", "))): \(text.quoted)")
        }
        return text
    }
}

extension Xray_Transport_Internet_Splithttp_RangeConfig {
    fileprivate init(_ range: ClosedRange<Int32>) {
        self.init()
        from = range.lowerBound
        to = range.upperBound
    }
}
