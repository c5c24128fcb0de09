// SPDX-License-Identifier: Apache-2.0
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The process at the other end of a unix socket, as the kernel knows it (`SO_PEERCRED`): it was this one that connected.
package struct PeerCredentials: Sendable, Equatable {
    // The layout of the kernel's `struct ucred`.
    package let process: Int32
    package let user: UInt32
    package let group: UInt32

    static func read(from channel: any Channel, _ body: @escaping @Sendable (PeerCredentials) -> Void) {
        #if os(Linux)
            guard case .unixDomainSocket? = channel.localAddress, let provider = channel as? any SocketOptionProvider
            else { return }
            let name = NIOBSDSocket.Option(rawValue: SO_PEERCRED)
            let value: EventLoopFuture<PeerCredentials> = provider.unsafeGetSocketOption(level: .socket, name: name)
            value.whenSuccess(body)
        #endif
    }
}
