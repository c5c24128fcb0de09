// SPDX-License-Identifier: Apache-2.0
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Unix sockets made by hand: SwiftNIO always gives the kernel the whole `sockaddr_un`, which names another abstract socket,
/// and leaves no moment between bind and listen to change a socket file's mode.
enum UnixSocket {
    /// One octet of `sun_path` is kept for the terminating or the leading NUL.
    static let maxPathLength = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// A bound socket that does not listen yet. The caller owns the descriptor.
    static func bound(to address: GRPCAddress, mode: UInt16?) throws(GRPCStatus) -> NIOBSDSocket.Handle {
        let descriptor = try open(for: address)
        var failure = with(address) { pointer, length in bind(descriptor, pointer, length) == 0 ? 0 : errno }
        if failure == 0, let mode, case .unix(let path) = address, chmod(path, mode_t(mode)) != 0 {
            failure = errno
            unlink(path)
        }
        guard failure == 0 else {
            close(descriptor)
            throw GRPCStatus(.unavailable, "cannot listen on \(address): \(text(of: failure))")
        }
        return descriptor
    }

    /// A connected socket in non-blocking mode, so that a full backlog fails instead of waiting. The caller owns the
    /// descriptor, and adds the address to the error.
    static func connected(to address: GRPCAddress) throws(GRPCStatus) -> NIOBSDSocket.Handle {
        let descriptor = try open(for: address)
        let failure = with(address) { pointer, length in connect(descriptor, pointer, length) == 0 ? 0 : errno }
        guard failure == 0 else {
            close(descriptor)
            throw GRPCStatus(.unavailable, text(of: failure))
        }
        return descriptor
    }

    static func remove(_ path: String) {
        unlink(path)
    }

    static func text(of code: Int32) -> String {
        String(cString: strerror(code)).lowercased()
    }

    private static func open(for address: GRPCAddress) throws(GRPCStatus) -> NIOBSDSocket.Handle {
        #if canImport(Darwin)
            let descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
            if descriptor >= 0 { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        #else
            let descriptor = socket(
                AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #endif
        guard descriptor >= 0 else {
            throw GRPCStatus(.unavailable, "cannot open a socket for \(address): \(text(of: errno))")
        }
        return descriptor
    }

    private static func with(
        _ address: GRPCAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var name: [UInt8]
        var fillsAddress = false
        switch address {
        case .unix(let path): name = Array(path.utf8) + [0]
        case .abstract(let text, let padded):
            name = [0] + Array(text.utf8)
            fillsAddress = padded
        case .tcp: return EAFNOSUPPORT
        }
        var unix = sockaddr_un()
        guard name.count <= maxPathLength + 1 else { return ENAMETOOLONG }
        unix.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &unix.sun_path) { $0.copyBytes(from: name) }
        let prefix = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        let length = fillsAddress ? MemoryLayout<sockaddr_un>.size : prefix + name.count
        return withUnsafePointer(to: &unix) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
        }
    }
}
