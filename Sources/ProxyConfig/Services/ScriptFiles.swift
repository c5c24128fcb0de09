// SPDX-License-Identifier: Apache-2.0
import Foundation
import JSONText

/// The script files that a path in the configuration stands for.
enum ScriptFiles {
    /// The file itself, or the `*.lua` files of a folder in the order of their names; hidden ones and tests are left out.
    static func list(_ path: String, at node: ConfigNode) throws -> [String] {
        let path = node.context.path(path)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw node.error("no such file or folder: \(path)")
        }
        guard isFolder.boolValue else { return [path] }
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
                .filter { $0.hasSuffix(".lua") && !$0.hasSuffix("_test.lua") && !$0.hasPrefix(".") }
                .sorted().map { "\(path)/\($0)" }
        } catch {
            throw node.error("the folder cannot be read: \(path)")
        }
    }

    /// The file's name without `.lua`.
    static func name(of path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        return file.hasSuffix(".lua") ? String(file.dropLast(4)) : file
    }
}

/// Sizes: a number of bytes, or text with a unit in powers of 1024 (`64MB`, `512 KB`, `1.5GB`).
enum SizeText {
    static func bytes(of node: ConfigNode) throws -> Int64 {
        guard case .string(let text) = node.node.value else { return try node.integer(as: Int64.self) }
        guard let bytes = bytes(text) else {
            throw node.error("a size such as \"64MB\" is needed, found \(text.quoted)")
        }
        return bytes
    }

    static func bytes(_ text: String) -> Int64? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let factor: Double
        switch text.dropFirst(number.count).trimmed.uppercased() {
        case "", "B": factor = 1
        case "K", "KB", "KIB": factor = 1024
        case "M", "MB", "MIB": factor = 1024 * 1024
        case "G", "GB", "GIB": factor = 1024 * 1024 * 1024
        default: return nil
        }
        guard let value = Double(number), value * factor < 0x1p62 else { return nil }
        return Int64(value * factor)
    }
}
