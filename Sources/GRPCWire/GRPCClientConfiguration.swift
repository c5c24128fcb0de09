// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Limits of a client.
package struct GRPCClientConfiguration: Sendable {
    /// Octets of one response message, before and after inflating.
    package var maxMessageSize = 4 * 1024 * 1024
    /// Octets of a response's headers or trailers as RFC 9113, section 6.5.2 counts them.
    package var maxHeaderListSize = 64 * 1024
    /// Receive window of a stream.
    package var streamWindow = 256 * 1024
    /// Receive window of the connection.
    package var connectionWindow = 1024 * 1024
    package var connectTimeout = TimeAmount.seconds(10)
    /// From the connection's start to the server's SETTINGS.
    package var handshakeTimeout = TimeAmount.seconds(10)
    /// Compresses requests of at least ``minCompressedSize`` octets with gzip. Compressed responses are understood always.
    package var compressesRequests = false
    package var minCompressedSize = 512
    /// Sent as `user-agent`.
    package var userAgent = "tidegate-grpc"

    package init() {}
}
