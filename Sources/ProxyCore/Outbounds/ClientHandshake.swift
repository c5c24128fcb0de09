// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// What an outbound says to its server, and hears from it, before payload flows: a pure state machine, fed on the event
/// loop.
///
/// `receive` is called once without bytes when the connection is open, and then with everything that was not consumed yet
/// whenever bytes arrive, until it answers `done` or `fail`. It must leave the buffer where it was when it answers
/// `needMore`.
package protocol ClientHandshake {
    mutating func receive(_ buffer: inout ByteBuffer) -> ClientHandshakeStep
}

/// A handshake that ends with an address for datagrams.
package protocol AssociateHandshake: ClientHandshake {
    /// Where datagrams go, once `receive` has answered `done`; an unspecified address stands for the server's own.
    var relay: Destination? { get }
}

package enum ClientHandshakeStep {
    case needMore
    /// Send these bytes, then call `receive` again with what is left.
    case send(ByteBuffer)
    /// Payload may flow; what is left in the buffer is the first that came down.
    case done
    /// The server refused, or speaks something else.
    case fail(String)
}
