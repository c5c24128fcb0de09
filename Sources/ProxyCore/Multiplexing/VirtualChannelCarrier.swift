// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// A multiplexer as its ``VirtualChannel``s see it. All calls are made on the channels' event loop, from inside the
/// channel's own calls: a carrier must not be in the middle of a change of its own when it calls a channel.
package protocol VirtualChannelCarrier: AnyObject {
    /// Bytes that the channel's handlers wrote. The carrier owes the channel ``VirtualChannel/sent(_:)`` for each of them,
    /// at once or when they are on their way; until then the channel counts them against its writability.
    func send(_ buffer: ByteBuffer, from channel: VirtualChannel)
    /// Everything sent before may now leave.
    func flush(_ channel: VirtualChannel)
    /// The channel sends no more; what it has sent still goes out.
    func outputEnded(_ channel: VirtualChannel)
    /// The handlers have taken so many of the received bytes: a multiplexer with windows opens the stream's.
    func consumed(_ bytes: Int, by channel: VirtualChannel)
    /// The channel is closed and makes no further calls. When its output had not ended, the far end is told of an abrupt end.
    func closed(_ channel: VirtualChannel, outputEnded: Bool)
}
