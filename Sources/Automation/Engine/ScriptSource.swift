// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime

/// A script's file.
enum ScriptSource {
    static let largest = 4 << 20

    /// What tells that a file has changed.
    struct Stamp: Equatable, Sendable {
        var modified: Date
        var size: Int
        var file: UInt64
    }

    /// Nil when there is no such file.
    static func stamp(_ path: String) -> Stamp? {
        let path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            attributes[.type] as? FileAttributeType == .typeRegular,
            let modified = attributes[.modificationDate] as? Date, let size = attributes[.size] as? NSNumber
        else { return nil }
        let file = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value ?? 0
        return Stamp(modified: modified, size: size.intValue, file: file)
    }

    static func read(_ path: String) throws(AutomationError) -> [UInt8] {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw AutomationError(.script, "\(path): cannot be read")
        }
        defer { try? handle.close() }
        do {
            let data = try handle.read(upToCount: largest + 1) ?? Data()
            guard data.count <= largest else {
                throw AutomationError(.script, "\(path): larger than \(ByteSize.text(Int64(largest)))")
            }
            return LuaFileText.stripped(Array(data))
        } catch let error as AutomationError {
            throw error
        } catch {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
                throw AutomationError(.script, "\(path): cannot be read", cause: error)
            }
            throw AutomationError(.script, "\(path): a file is needed, and this is a folder")
        }
    }
}
