// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A socket file that a program left behind when it was killed.
enum StaleSocket {
    /// Removes the socket file at `path` if nobody listens on it; anything else at the path is left alone.
    static func remove(at path: String) throws(ControlServerError) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
        switch connectError(path) {
        case ECONNREFUSED: unlink(path)
        case 0, EAGAIN, EINPROGRESS:
            throw ControlServerError(code: .bind, "cannot listen on \(path): another program listens there")
        // Not ours to judge (no permission …): binding will tell.
        default: return
        }
    }

    /// The error number of an attempt to connect; 0 if somebody accepted.
    private static func connectError(_ path: String) -> Int32 {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return ENAMETOOLONG }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 ? 0 : errno
    }
}
