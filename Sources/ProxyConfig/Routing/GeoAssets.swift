// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Files of geographic data (`geoip.dat`, `geosite.dat`): where they lie and which codes they hold.
package enum GeoAssets {
    static let geoIP = "geoip.dat"
    static let geoSite = "geosite.dat"

    /// The first regular file of that name in the directories; nil when there is none, or when the name is not a plain
    /// relative path that stays inside its directory.
    package static func locate(_ file: String, in directories: [String]) -> String? {
        let parts = file.split(separator: "/", omittingEmptySubsequences: false)
        guard !file.isEmpty, !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else { return nil }
        return directories.lazy.map { "\($0)/\(file)" }.first { path in
            let attributes = try? FileManager.default.attributesOfItem(
                atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
            return attributes?[.type] as? FileAttributeType == .typeRegular
        }
    }

    /// Whether the file holds a list of that code. The file is a series of entries, each of which begins with its code
    /// (`xray.common.geodata.GeoIPList`, `GeoSiteList`); a malformed file holds nothing.
    package static func holds(code: String, file path: String) -> Bool {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) else { return false }
        var rest = data[...]
        while !rest.isEmpty {
            guard var entry = takeField(&rest) else { return false }
            if let name = takeField(&entry), String(decoding: name, as: UTF8.self) == code { return true }
        }
        return false
    }

    /// The bytes of the length-delimited field 1 at the head; nil when something else stands there.
    private static func takeField(_ rest: inout Data) -> Data? {
        guard rest.popFirst() == 0x0a else { return nil }
        var length = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            length |= Int(byte & 0x7f) << shift
            guard byte & 0x80 != 0 else {
                guard length <= rest.count else { return nil }
                let field = rest.prefix(length)
                rest = rest.dropFirst(length)
                return field
            }
        }
        return nil
    }
}

extension ConfigNode {
    /// Refuses a reference to geographic data that is not there.
    func checkAsset(file: String, code: String) throws(ConfigurationError) {
        guard let path = GeoAssets.locate(file, in: context.assetDirectories) else {
            throw error("no file \(file.quoted) of geographic data")
        }
        guard GeoAssets.holds(code: code, file: path) else { throw error("no code \(code.quoted) in \(path)") }
    }
}
