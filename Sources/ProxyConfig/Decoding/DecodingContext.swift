// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What decoding needs beside the tree: the document, the process around it, and a place for warnings.
///
/// One context serves one document, on one thread.
package final class DecodingContext {
    package let document: JSONDocument?
    /// Relative paths in the document start here.
    package let directory: String
    package let environment: [String: String]
    /// Where files of geographic data are looked for, in this order.
    package let assetDirectories: [String]
    /// The first hundred warnings, and one more that counts the rest.
    package var warnings: [ConfigurationWarning] {
        guard dropped > 0 else { return kept }
        return kept + [
            ConfigurationWarning(message: "and \(dropped) more warnings", place: .init(file: document?.name))
        ]
    }
    private var kept: [ConfigurationWarning] = []
    private var dropped = 0

    /// - Parameter assetDirectories: nil for the usual ones.
    package init(
        document: JSONDocument? = nil, directory: String = ".",
        environment: [String: String] = ProcessInfo.processInfo.environment, assetDirectories: [String]? = nil
    ) {
        self.document = document
        self.directory = directory
        self.environment = environment
        self.assetDirectories =
            assetDirectories
            ?? [environment["xray.location.asset"], environment["XRAY_LOCATION_ASSET"]].compactMap { $0 } + [
                directory, "/usr/local/share/xray", "/usr/share/xray", "/opt/share/xray",
            ]
    }

    func warn(_ message: String, at place: @autoclosure () -> ConfigurationPlace) {
        guard kept.count < 100 else {
            dropped += 1
            return
        }
        kept.append(ConfigurationWarning(message: message, place: place()))
    }

    /// The variable of that dotted name, or of the name in capitals with underscores; empty where neither is set.
    func variable(_ name: String) -> String {
        let capitals = name.trimmingCharacters(in: .whitespaces).uppercased().replacingOccurrences(of: ".", with: "_")
        return environment[name] ?? environment[capitals] ?? ""
    }

    /// The path, taken from the document's directory where it is relative.
    func path(_ path: String) -> String {
        path.hasPrefix("/") ? path : URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: directory)).path
    }
}
