// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import Synchronization

/// What a handler may know about its call.
package struct GRPCCallContext: Sendable {
    /// What all calls of a connection share.
    final class Connection: Sendable {
        let remoteAddress: SocketAddress?
        let localAddress: SocketAddress?
        let credentials = Mutex<PeerCredentials?>(nil)

        /// On the channel's event loop.
        init(channel: any Channel) {
            remoteAddress = channel.remoteAddress
            localAddress = channel.localAddress
            // The answer is there when the call returns, because this is the channel's event loop.
            PeerCredentials.read(from: channel) { [self] found in credentials.withLock { $0 = found } }
        }
    }

    let registration: GRPCHandlerTable.Method
    let fields: HeaderBlock
    let connection: Connection
    /// When the caller stops waiting; nil when it did not say.
    package let deadline: NIODeadline?

    /// `/package.Service/Method`.
    package var path: String { registration.path }
    package var service: String { registration.service }
    package var method: String { registration.name }
    /// The request's metadata; decoded at each use.
    package var metadata: GRPCMetadata { fields.metadata }
    package var authority: String? { fields.value(HeaderBlock.Field.authority) }
    /// Which process is at the other end of a unix socket; nil on other ones.
    package var peerCredentials: PeerCredentials? { connection.credentials.withLock { $0 } }
    package var remoteAddress: SocketAddress? { connection.remoteAddress }
    package var localAddress: SocketAddress? { connection.localAddress }
}
