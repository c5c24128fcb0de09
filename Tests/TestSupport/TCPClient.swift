// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// A blocking TCP socket on 127.0.0.1, with a time-out on everything.
package final class TCPClient {
    private let descriptor: Int32

    package init(port: UInt16, timeout: Int = 60) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = Self.loopback(port)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // The end of the object closes the socket, also when this throws: closing it here as well would close whatever another
        // thread has opened meanwhile under its number.
        guard status == 0 else {
            throw Failure("connect to \(port): \(String(cString: strerror(errno)))")
        }
    }

    /// Connects to a unix socket.
    package init(unixPath: String, timeout: Int = 10) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let descriptor = descriptor
        let status = Self.withAddress(unixPath) { connect(descriptor, $0, $1) }
        guard status == 0 else {
            throw Failure("connect to \(unixPath): \(String(cString: strerror(errno)))")
        }
    }

    /// Leaves a socket's file behind on which nobody listens.
    package static func leaveDeadSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        guard withAddress(path, { bind(descriptor, $0, $1) }) == 0 else { throw Failure("bind to \(path)") }
    }

    private static func withAddress<Value>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value)
        -> Value
    {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8.prefix(107))) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    /// A connection that was accepted.
    package init(accepted descriptor: Int32, timeout: Int = 30) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    package func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure("send: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    package func endOutput() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Fills some of the buffer and tells how much; 0 at the end of the stream.
    package func receive(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        guard count >= 0 else { throw Failure("receive: \(String(cString: strerror(errno)))") }
        return count
    }

    /// Up to `limit` bytes; empty at the end of the stream.
    package func receive(_ limit: Int = 65_536) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &bytes, limit, 0)
        guard count >= 0 else { throw Failure("receive: \(String(cString: strerror(errno)))") }
        return Array(bytes[..<count])
    }

    package func receive(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = try receive(min(65_536, count - bytes.count))
            guard !part.isEmpty else { throw Failure("closed after \(bytes.count) of \(count) bytes") }
            bytes += part
        }
        return bytes
    }

    /// Asks a SOCKS server, as its client without a password, for a port for datagrams. (RFC 1928)
    package func associate() throws -> UInt16 {
        try send([5, 1, 0])
        _ = try receive(exactly: 2)
        try send([5, 3, 0, 1, 0, 0, 0, 0, 0, 0])
        let reply = try receive(exactly: 10)
        return UInt16(reply[8]) << 8 | UInt16(reply[9])
    }

    /// A listening socket on 127.0.0.1, on a port of the kernel's choice unless one is given.
    static func listener(on port: UInt16 = 0) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 ? getsockname(descriptor, pointer, &size) : -1
            }
        }
        guard status == 0, listen(descriptor, 64) == 0 else {
            let failure = Failure("listen on \(port): \(String(cString: strerror(errno)))")
            close(descriptor)
            throw failure
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// A connected socket, without an owner.
    static func connected(to port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            close(descriptor)
            throw Failure("connect to \(port): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    package static func answers(_ port: UInt16) -> Bool {
        (try? TCPClient(port: port, timeout: 1)) != nil
    }

    package static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}
