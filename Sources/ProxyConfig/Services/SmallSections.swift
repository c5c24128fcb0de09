// SPDX-License-Identifier: Apache-2.0
import JSONText
import XrayProtos

/// The `metrics` object.
enum MetricsSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Metrics_Config {
        try node.object { object in
            var config = Xray_App_Metrics_Config()
            config.tag = try object.string("tag")
            config.listen = try object.string("listen")
            guard !config.tag.isEmpty || !config.listen.isEmpty else {
                throw node.error("metrics need a tag or an address to listen on")
            }
            if config.tag.isEmpty { config.tag = "Metrics" }
            return config
        }
    }
}

/// The `version` object: which versions of the configuration's language it is written for.
enum VersionSection {
    /// The version of the original whose configuration language this is.
    static let language = [26, 7, 28]

    static func decode(_ node: ConfigNode) throws -> Xray_App_Version_Config {
        try node.object { object in
            var config = Xray_App_Version_Config()
            config.coreVersion = text(language)
            config.minVersion = try object.string("min")
            config.maxVersion = try object.string("max")
            if let min = object["min"], try isOlder(language, than: parts(of: min)) {
                throw min.error("written for \(config.minVersion) or later; this is the language of \(text(language))")
            }
            if let max = object["max"], try isOlder(parts(of: max, absent: .max), than: language) {
                throw max.error(
                    "written for \(config.maxVersion) or earlier; this is the language of \(text(language))")
            }
            return config
        }
    }

    private static func text(_ parts: [Int]) -> String { parts.map(String.init).joined(separator: ".") }

    private static func parts(of node: ConfigNode, absent: Int = 0) throws -> [Int] {
        let text = try node.string()
        guard !text.isEmpty else { return [absent] }
        return try text.split(separator: ".", omittingEmptySubsequences: false).map { part in
            guard let number = Int(part), number >= 0 else { throw node.error("not a version: \(text.quoted)") }
            return number
        }
    }

    /// Missing parts count as 0.
    private static func isOlder(_ left: [Int], than right: [Int]) -> Bool {
        let count = max(left.count, right.count)
        let padded = [left, right].map { $0 + Array(repeating: 0, count: count - $0.count) }
        return padded[0].lexicographicallyPrecedes(padded[1])
    }
}

/// The `fakeDns` object: one pool, or a list of them.
enum FakeDNSSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Dns_Fakedns_FakeDnsPoolMulti {
        var pools = Xray_App_Dns_Fakedns_FakeDnsPoolMulti()
        if case .array = node.node.value {
            pools.pools = try node.elements().map { try pool($0) }
        } else {
            pools.pools = [try pool(node)]
        }
        return pools
    }

    private static func pool(_ node: ConfigNode) throws -> Xray_App_Dns_Fakedns_FakeDnsPool {
        try node.object { object in
            var pool = Xray_App_Dns_Fakedns_FakeDnsPool()
            pool.ipPool = try object.string("ipPool")
            pool.lruSize = try object.integer("poolSize")
            return pool
        }
    }
}

/// The `geodata` object: which files of geographic data are fetched again, and when.
enum GeodataSection {
    static func decode(_ node: ConfigNode) throws -> Xray_App_Geodata_Config {
        try node.object { object in
            var config = Xray_App_Geodata_Config()
            config.cron = try object.string("cron")
            config.outbound = try object.string("outbound")
            config.assets = try object["assets"]?.elements().map { try asset($0) } ?? []
            return config
        }
    }

    private static func asset(_ node: ConfigNode) throws -> Xray_App_Geodata_Asset {
        try node.object { object in
            var asset = Xray_App_Geodata_Asset()
            asset.url = try object.string("url")
            asset.file = try object.string("file")
            guard asset.url.hasPrefix("https://"), asset.url.count > "https://".count else {
                throw (object["url"] ?? node).error("an https URL is needed, found \(asset.url.quoted)")
            }
            guard GeoAssets.locate(asset.file, in: node.context.assetDirectories) != nil else {
                throw (object["file"] ?? node).error("no file \(asset.file.quoted) of geographic data")
            }
            return asset
        }
    }
}
