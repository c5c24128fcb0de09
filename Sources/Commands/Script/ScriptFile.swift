// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation

/// A file of Lua that a command is given.
enum ScriptFile {
    private static let largest = 4 << 20

    static func read(_ path: String) throws -> String {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw ControlError("\(path): \(String(cString: strerror(errno)).lowercased())")
        }
        defer { try? handle.close() }
        let data: Data
        do {
            data = try handle.read(upToCount: largest + 1) ?? Data()
        } catch {
            throw ControlError("\(path): cannot be read")
        }
        guard data.count <= largest else { throw ControlError("\(path): larger than \(largest) bytes") }
        guard let text = String(validating: data, as: UTF8.self) else { throw ControlError("\(path): not UTF-8") }
        return text
    }
}
