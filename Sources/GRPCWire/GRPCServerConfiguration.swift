// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Limits of a server. The defaults suit a control API.
package struct GRPCServerConfiguration: Sendable {
    /// Octets of one request message, before and after inflating.
    package var maxMessageSize = 4 * 1024 * 1024
    /// Octets of a request's headers as RFC 9113, section 6.5.2 counts them; a larger list resets the stream.
    package var maxHeaderListSize = 16 * 1024
    /// Streams per connection; more are refused.
    package var maxConcurrentStreams = 1024
    /// Tasks of handlers at a time over all connections; a call above it fails with `RESOURCE_EXHAUSTED`. Inline handlers do not
    /// count.
    package var maxRunningHandlers = 1024
    /// Connections at a time; more are closed as they come.
    package var maxConnections = 1024
    /// Octets of request messages that wait on one connection for their handlers or for their own rest.
    package var maxBufferedBytes = 64 * 1024 * 1024
    /// Receive window of a stream.
    package var streamWindow = 256 * 1024
    /// Receive window of a connection.
    package var connectionWindow = 1024 * 1024
    /// From the connection's start to the client's preface and SETTINGS. There is no time-out for idle connections.
    package var handshakeTimeout = TimeAmount.seconds(10)
    /// Smaller messages are not compressed, whatever the request's encoding was.
    package var minCompressedSize = 512

    package init() {}
}
