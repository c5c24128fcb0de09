// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import XrayProtos

/// Where files of geographic data (`geoip.dat`, `geosite.dat`) are looked for.
///
/// A file is a sequence of lists, each of which begins with its code. Only the heads of the lists are read until the wanted
/// one is found, and only that is decoded. Reads block: not for event loops.
package struct AssetDirectory: Sendable {
    /// In order of preference.
    package var directories: [String]

    package init(directories: [String]) {
        self.directories = directories
    }

    /// Where Xray looks: the directory that the environment names (`xray.location.asset` or `XRAY_LOCATION_ASSET`), or else
    /// the executable's, and then those of system-wide installations.
    package init() {
        let environment = ProcessInfo.processInfo.environment
        let named = ["xray.location.asset", "XRAY_LOCATION_ASSET"].lazy.compactMap { environment[$0] }
            .first { !$0.isEmpty }
        let executable = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent().path
        let first = named ?? executable
        directories = (first.map { [$0] } ?? []) + ["/usr/local/share/xray", "/usr/share/xray", "/opt/share/xray"]
    }

    /// - Throws: `RoutingError` naming the file and the code.
    func networks(file: String, code: String) throws(RoutingError) -> [Xray_Common_Geodata_CIDR] {
        let bytes = try list(file: file, code: code)
        guard let list = try? Xray_Common_Geodata_GeoIP(serializedBytes: bytes) else {
            throw RoutingError(.asset, "common/geodata: error unmarshal IP in \(file):\(code)")
        }
        return list.cidr
    }

    func domains(file: String, code: String) throws(RoutingError) -> [Xray_Common_Geodata_Domain] {
        let bytes = try list(file: file, code: code)
        guard let list = try? Xray_Common_Geodata_GeoSite(serializedBytes: bytes) else {
            throw RoutingError(.asset, "common/geodata: error unmarshal Site in \(file):\(code)")
        }
        return list.domain
    }

    private func list(file: String, code: String) throws(RoutingError) -> Data {
        let path = try locate(file)
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw RoutingError(.asset, "common/geodata: failed to open \(file) > cannot read \(path)")
        }
        defer { try? handle.close() }
        do {
            return try GeoFile(handle).list(code: code)
        } catch let error as GeoFile.Failure {
            throw RoutingError(.asset, "common/geodata: failed to load code \(code) from \(file) > \(error.rawValue)")
        } catch {
            throw RoutingError(.asset, "common/geodata: failed to load code \(code) from \(file) > \(error)")
        }
    }

    /// The first regular file of that name; the name must be a plain relative path that stays inside the directory.
    private func locate(_ file: String) throws(RoutingError) -> String {
        let parts = file.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }), !file.utf8.contains(0) else {
            throw RoutingError(
                .asset, "common/geodata: failed to open \(file) > asset path must stay in asset directory")
        }
        for directory in directories {
            let path = "\(directory)/\(file)"
            var isDirectory: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
                return path
            }
        }
        throw RoutingError(.asset, "common/geodata: failed to open \(file) > no such file in the asset directories")
    }
}
