// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Synchronization

/// The folder that scripts may keep files in, and nothing outside of it: names are checked part by part, links are not followed, and what
/// all files need together is bounded. A file is replaced as a whole, so that a reader never finds half of one.
///
/// Calls block for the time of the disk access: they belong on script threads.
package final class ScriptFolder: Sendable {
    struct File: Sendable, Equatable {
        /// From the folder, with `/` between its parts.
        var name: String
        var size: Int64
        /// Seconds since 1970.
        var modified: Double
    }

    static let largestFile = 16 << 20
    static let mostFiles = 10_000
    private static let mostParts = 4
    private static let temporarySuffix = ".tmp"

    private let path: String
    private let quota: Int64
    private let root: Int32
    private let lastTemporary = Atomic<UInt64>(0)
    /// What the files need, as far as is known; changes are made under the lock. Nil = to be counted.
    private let used = Mutex<Int64?>(nil)

    /// Opens or makes the folder, and removes what a write left that did not end.
    ///
    /// - Parameter quota: Bytes of all files together.
    package init(path: String, quota: Int64) throws(AutomationError) {
        self.path = path
        self.quota = quota
        mkdir(path, 0o700)
        root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw Self.failure("folder \(path) cannot be opened") }
        for file in Self.walk(path) where Self.isTemporary(file.name) { unlink("\(path)/\(file.name)") }
    }

    deinit { close(root) }

    // MARK: - Calls

    /// The text of a file; nil when there is none.
    func read(_ name: String) throws(AutomationError) -> [UInt8]? {
        guard let (folder, leaf) = try openParent(of: name, making: false) else { return nil }
        defer { close(folder) }
        let file = openat(folder, leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw Self.failure("\(name) cannot be read")
        }
        defer { close(file) }
        let size = try size(of: file, name)
        guard size <= Self.largestFile else {
            throw AutomationError(.limit, "files: \(name) is larger than \(ByteSize.text(Int64(Self.largestFile)))")
        }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + done, $0.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure("\(name) cannot be read") }
            if count == 0 { break }
            done += count
        }
        return Array(bytes[..<done])
    }

    /// Puts a file in place of the one that has the name. Either the old or the new one is there at any time, also when the power fails.
    func write(_ name: String, _ bytes: [UInt8]) throws(AutomationError) {
        guard bytes.count <= Self.largestFile else {
            throw AutomationError(.limit, "files: \(name) is larger than \(ByteSize.text(Int64(Self.largestFile)))")
        }
        guard let (folder, leaf) = try openParent(of: name, making: true) else { return }
        defer { close(folder) }
        try used.withLock { (used) throws(AutomationError) in
            let old = try regularSize(folder, leaf, name)
            let total = try checked(used, adding: Int64(bytes.count) - (old ?? 0), isNew: old == nil)
            try replace(folder, leaf, name, bytes)
            used = total
        }
    }

    /// False when there was none.
    func remove(_ name: String) throws(AutomationError) -> Bool {
        guard let (folder, leaf) = try openParent(of: name, making: false) else { return false }
        defer { close(folder) }
        return try used.withLock { (used) throws(AutomationError) in
            guard let old = try regularSize(folder, leaf, name) else { return false }
            guard unlinkat(folder, leaf, 0) == 0 else { throw Self.failure("\(name) cannot be removed") }
            used = used.map { $0 - old }
            return true
        }
    }

    /// The files whose names begin with `prefix`, by name.
    func list(prefix: String) -> [File] {
        Self.walk(path).filter { $0.name.hasPrefix(prefix) && !Self.isTemporary($0.name) }.sorted { $0.name < $1.name }
    }

    // MARK: - Pieces

    /// What the files will need; counted again before anything is refused, since others may have cleared the folder up.
    private func checked(_ used: Int64?, adding growth: Int64, isNew: Bool) throws(AutomationError) -> Int64 {
        if let used, used + growth <= quota, !isNew { return used + growth }
        let files = Self.walk(path)
        guard !isNew || files.count < Self.mostFiles else {
            throw AutomationError(.limit, "files: there are \(Self.mostFiles) files already")
        }
        let total = files.reduce(0) { $0 + $1.size } + growth
        guard growth <= 0 || total <= quota else {
            throw AutomationError(.limit, "files: all files together would need more than \(ByteSize.text(quota))")
        }
        return total
    }

    private func replace(
        _ folder: Int32, _ leaf: String, _ name: String, _ bytes: [UInt8]
    ) throws(AutomationError) {
        let number = lastTemporary.add(1, ordering: .relaxed).newValue
        let temporary = ".\(getpid())-\(number)\(Self.temporarySuffix)"
        let file = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.failure("\(name) cannot be written") }
        var isWhole = Self.writeAll(bytes, to: file) && fsync(file) == 0
        let reason = errno
        isWhole = close(file) == 0 && isWhole
        guard isWhole, renameat(folder, temporary, folder, leaf) == 0 else {
            let error = Self.failure("\(name) cannot be written", isWhole ? errno : reason)
            unlinkat(folder, temporary, 0)
            throw error
        }
        fsync(folder)
    }

    private static func writeAll(_ bytes: [UInt8], to file: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, $0.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    /// The folder that a name's last part lies in, opened; nil when it does not exist and is not to be made.
    private func openParent(of name: String, making: Bool) throws(AutomationError) -> (Int32, String)? {
        var parts = try Self.parts(of: name)
        let leaf = parts.removeLast()
        var folder = dup(root)
        for part in parts {
            if making { mkdirat(folder, part, 0o700) }
            let next = openat(folder, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            let reason = errno
            close(folder)
            guard next >= 0 else {
                if reason == ENOENT, !making { return nil }
                throw Self.failure("folder \(part) of \(name) cannot be opened", reason)
            }
            folder = next
        }
        guard folder >= 0 else { throw Self.failure("\(name) cannot be opened") }
        return (folder, leaf)
    }

    /// Refuses what could lead out of the folder or is hidden: `..`, an absolute path, a part that begins with a point.
    static func parts(of name: String) throws(AutomationError) -> [String] {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let isPlain = parts.allSatisfy { part in
            (1...200).contains(part.utf8.count) && !part.hasPrefix(".")
                && part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f && $0 != "\\" }
        }
        guard isPlain, parts.count <= mostParts else {
            throw AutomationError(
                .settings,
                "files: \"\(name.prefix(80))\" is no name of a file: up to \(mostParts) parts with / between them, none of which "
                    + "begins with a point")
        }
        return parts
    }

    private func regularSize(_ folder: Int32, _ leaf: String, _ name: String) throws(AutomationError) -> Int64? {
        var status = stat()
        guard fstatat(folder, leaf, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw Self.failure("\(name) cannot be looked at")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw AutomationError(.store, "files: \(name) is no regular file")
        }
        return Int64(status.st_size)
    }

    private func size(of file: Int32, _ name: String) throws(AutomationError) -> Int64 {
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw AutomationError(.store, "files: \(name) is no regular file")
        }
        return Int64(status.st_size)
    }

    private static func isTemporary(_ name: String) -> Bool {
        let leaf = name.split(separator: "/").last ?? ""
        return leaf.hasPrefix(".") && leaf.hasSuffix(temporarySuffix)
    }

    /// All regular files; links are not followed.
    private static func walk(_ path: String) -> [File] {
        guard let names = FileManager.default.enumerator(atPath: path) else { return [] }
        var files: [File] = []
        for case let name as String in names {
            var status = stat()
            guard lstat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            let modified = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9
            files.append(File(name: name, size: Int64(status.st_size), modified: modified))
        }
        return files
    }

    private static func failure(_ what: String, _ code: Int32 = errno) -> AutomationError {
        AutomationError(.store, "files: \(what): \(String(cString: strerror(code)).lowercased())")
    }
}
