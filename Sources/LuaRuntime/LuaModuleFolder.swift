// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Modules for `require` from one folder: `require("lib.text")` reads `lib/text.lua`.
package struct LuaModuleFolder: Sendable {
    package static let largestModule = 4 << 20

    private let folder: URL

    package init(path: String) {
        folder = URL(fileURLWithPath: path, isDirectory: true).resolvingSymlinksInPath()
    }

    /// Where the module would be; nil when a link leads out of the folder.
    package func path(_ name: String) -> String? {
        let parts = name.split(whereSeparator: { $0 == "." || $0 == "/" })
        let file = folder.appendingPathComponent(parts.joined(separator: "/") + ".lua").resolvingSymlinksInPath()
        return !parts.isEmpty && file.path.hasPrefix(folder.path + "/") ? file.path : nil
    }

    /// The module's text; nil when there is no such file. The name has been checked by `require`. A link that leads out
    /// of the folder is refused.
    package func source(_ name: String) throws -> [UInt8]? {
        guard let file = path(name) else { throw LuaError("module '\(name)' is outside the script folder") }
        guard let handle = FileHandle(forReadingAtPath: file) else { return nil }
        defer { try? handle.close() }
        let data = try handle.read(upToCount: Self.largestModule + 1) ?? Data()
        guard data.count <= Self.largestModule else { throw LuaError("module '\(name)' is too large") }
        return LuaFileText.stripped(Array(data))
    }
}
