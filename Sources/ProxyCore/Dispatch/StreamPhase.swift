// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What a ``StreamSession`` does at the moment: reads a header, sniffs, waits for a dial, swallows … One object for each
/// phase of a connection; it is fed with what arrives from the client, and puts the next phase in its place when it is done.
/// Used on the session's event loop.
protocol StreamPhase: AnyObject {
    /// The phase is the session's now; what is unread is offered to `received` next.
    func begin()
    /// Everything from the client that was not consumed; what is left is shown to the next phase, or again to this one.
    func received(_ buffer: inout ByteBuffer)
    /// The client sends no more.
    func inputEnded()
    /// The client takes bytes again.
    func writabilityChanged()
    /// The session's deadline has passed; the connection is cut afterwards.
    func expired()
    /// The client's connection is gone: everything that the phase holds has to go as well.
    func connectionClosed()
}

extension StreamPhase {
    func begin() {}
    func received(_ buffer: inout ByteBuffer) {}
    func inputEnded() {}
    func writabilityChanged() {}
    func expired() {}
    func connectionClosed() {}
}
