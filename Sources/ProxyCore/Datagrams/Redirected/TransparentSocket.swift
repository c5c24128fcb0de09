// SPDX-License-Identifier: Apache-2.0
import Glibc
import NIOCore
import ProxyModel

/// A UDP socket that may have another machine's address (IP_TRANSPARENT of ip(7)), which takes CAP_NET_ADMIN or CAP_NET_RAW.
/// SwiftNIO's channels cannot tell the port that a redirected datagram was sent to. No call waits; thread-safe, because all
/// there is to share is the kernel's.
final class TransparentSocket: Sendable {
    struct Datagram: Sendable {
        var payload: ByteBuffer
        var source: Endpoint
        /// Where it was going; nil where the kernel does not tell.
        var target: Endpoint?
    }

    enum Purpose {
        /// Datagrams to anywhere are read from it.
        /// - sharesPort: Another socket of this process is on the port, and lets this one on it.
        case reading(sharesPort: Bool)
        /// Answers are sent from its address, beside others that do so too.
        case answering
    }

    // The numbers of ip(7), ipv6(7) and linux/in6.h.
    private static let ipv4Level: Int32 = 0
    private static let ipv6Level: Int32 = 41
    private static let ipv4Transparent: Int32 = 19
    private static let ipv6Transparent: Int32 = 75

    let descriptor: Int32

    /// - Parameter options: The socket's, of which those that datagrams have are set.
    /// - Throws: `IOError`, and ``TransportFailure`` with the name of an option that the kernel refuses.
    init(_ address: Endpoint, _ options: SocketPlan, _ purpose: Purpose) throws {
        let isIPv4 = address.ip.isIPv4
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(isIPv4 ? AF_INET : AF_INET6, kind, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        try set("IP_TRANSPARENT", Self.ipv4Level, Self.ipv4Transparent, 1)
        if !isIPv4 { try set("IPV6_TRANSPARENT", Self.ipv6Level, Self.ipv6Transparent, 1) }
        for option in options.ofDatagrams {
            switch option.value {
            case .number(let number): try set(option.label, option.level, option.name, number)
            case .name(let name):
                var bytes = Array(name.utf8)
                try check(
                    option.label, setsockopt(descriptor, option.level, option.name, &bytes, socklen_t(bytes.count)))
            }
        }
        switch purpose {
        case .reading(let sharesPort):
            // One that listens on all addresses of IPv6 has IPv4's too.
            try set("IP_RECVORIGDSTADDR", Self.ipv4Level, IP_RECVORIGDSTADDR, 1)
            if !isIPv4 { try set("IPV6_RECVORIGDSTADDR", Self.ipv6Level, IPV6_RECVORIGDSTADDR, 1) }
            if sharesPort { try set("SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, 1) }
            try bind(to: address)
            // Only now, so that a port that somebody has is an error: answers may have to come from that port, too.
            try set("SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1)
        case .answering:
            try set("SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1)
            // Nothing is read from it.
            try set("SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, 0)
            try bind(to: address)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Gives the port up at once. The descriptor stays valid until nobody has the socket any more, and stands for nothing.
    func release() {
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard nothing >= 0 else { return }
        dup2(nothing, descriptor)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        close(nothing)
    }

    /// Lets others on the port from now on.
    func sharePort() {
        try? set("SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, 1)
    }

    var localAddress: SocketAddress? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard getsockname(descriptor, pointer, &size) == 0 else { return nil }
                return Endpoint(raw: pointer).map { SocketAddress($0.ip, port: $0.port) }
            }
        }
    }

    /// The next datagram that waits; nil when none does.
    /// - Parameter room: Where the kernel puts it; what is longer is cut off.
    /// - Throws: `IOError`.
    func receive(in room: UnsafeMutableRawBufferPointer, _ allocator: ByteBufferAllocator) throws -> Datagram? {
        var name = sockaddr_storage()
        // Room for both families' targets; 8 bytes are a header's alignment.
        var control: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
            (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        var vector = iovec(iov_base: room.baseAddress, iov_len: room.count)
        var target: Endpoint?
        let (count, code) = withUnsafeMutablePointer(to: &vector) { vector in
            withUnsafeMutableBytes(of: &control) { control in
                withUnsafeMutablePointer(to: &name) { name in
                    var message = msghdr()
                    message.msg_name = UnsafeMutableRawPointer(name)
                    message.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    let count = recvmsg(descriptor, &message, Int32(MSG_DONTWAIT))
                    let code = errno
                    if count >= 0 {
                        target = OriginalDestination.read(
                            UnsafeRawBufferPointer(rebasing: control[..<min(message.msg_controllen, control.count)]))
                    }
                    return (count, code)
                }
            }
        }
        guard count >= 0 else {
            if code == EAGAIN || code == EWOULDBLOCK || code == EINTR { return nil }
            throw IOError(errnoCode: code, reason: "recvmsg")
        }
        let source = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Endpoint(raw: $0) }
        }
        var payload = allocator.buffer(capacity: count)
        payload.writeBytes(UnsafeRawBufferPointer(rebasing: room[..<min(count, room.count)]))
        return Datagram(payload: payload, source: source ?? .unspecified, target: target)
    }

    /// Sends a datagram; what the kernel does not take at once is lost, as behind any full queue.
    func send(_ payload: ByteBuffer, to address: SocketAddress) {
        payload.withUnsafeReadableBytes { bytes in
            address.withSockAddr { address, size in
                let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
                _ = sendto(descriptor, bytes.baseAddress, bytes.count, flags, address, socklen_t(size))
            }
        }
    }

    private func bind(to endpoint: Endpoint) throws {
        let status = SocketAddress(endpoint.ip, port: endpoint.port).withSockAddr { address, size in
            Glibc.bind(descriptor, address, socklen_t(size))
        }
        guard status == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
    }

    private func set(_ label: String, _ level: Int32, _ name: Int32, _ value: Int32) throws {
        var value = value
        let status = setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        try check(label, status)
    }

    private func check(_ option: String, _ status: Int32) throws {
        guard status == 0 else { throw SocketPlan.refusal(of: option, errno) }
    }
}

/// Where a datagram was going before the kernel brought it here, in the ancillary data of recvmsg(2): a sequence of headers (length,
/// level and type; cmsg(3)), each with its data behind it.
enum OriginalDestination {
    private static let headerSize = 16
    private static let ipv4Level: Int32 = 0
    private static let ipv6Level: Int32 = 41

    /// Nil where it is not there whole.
    static func read(_ control: UnsafeRawBufferPointer) -> Endpoint? {
        var rest = control
        while rest.count >= headerSize {
            let length = rest.loadUnaligned(as: Int.self)
            guard length >= headerSize, length <= rest.count else { return nil }
            let level = rest.loadUnaligned(fromByteOffset: 8, as: Int32.self)
            let kind = rest.loadUnaligned(fromByteOffset: 12, as: Int32.self)
            let data = UnsafeRawBufferPointer(rebasing: rest[headerSize..<length])
            switch (level, kind) {
            case (ipv4Level, IP_ORIGDSTADDR): return address(data, AF_INET, MemoryLayout<sockaddr_in>.size)
            case (ipv6Level, IPV6_ORIGDSTADDR): return address(data, AF_INET6, MemoryLayout<sockaddr_in6>.size)
            default: break
            }
            // The next one begins at a multiple of 8.
            let step = (length + 7) & ~7
            guard step < rest.count else { return nil }
            rest = UnsafeRawBufferPointer(rebasing: rest[step...])
        }
        return nil
    }
    private static func address(_ data: UnsafeRawBufferPointer, _ family: Int32, _ size: Int) -> Endpoint? {
        guard data.count >= size, let start = data.baseAddress, data.loadUnaligned(as: sa_family_t.self) == family
        else {
            return nil
        }
        return Endpoint(raw: start.assumingMemoryBound(to: sockaddr.self))
    }
}
