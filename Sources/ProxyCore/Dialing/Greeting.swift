// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What is said on a connection that was dialled, and heard, before payload flows: the plan's PROXY header and its
/// ``ClientHandshake``. What is said in one go is one buffer, for one write.
///
/// It knows no time: whoever owns it limits how long the server may take.
struct Greeting {
    enum Progress {
        /// The server has to answer first. `said` must be sent for that.
        case needMore(said: ByteBuffer?)
        /// Payload may flow behind `said`, best in one write with it. What is left of the input is the first that came down.
        case done(said: ByteBuffer?)
        /// The server refused, or speaks something else.
        case failed(String)
    }

    /// Nil: nothing is waited for.
    private(set) var handshake: (any ClientHandshake)?
    private var said: ByteBuffer?

    init(_ plan: DialPlan, on channel: any Channel) {
        handshake = plan.handshake
        said = plan.proxyHeader?.bytes(on: channel)
    }

    /// Call it without bytes when the connection is open, and then with everything that was not consumed yet whenever bytes
    /// arrive, until it answers `done` or `failed`.
    mutating func receive(_ buffer: inout ByteBuffer) -> Progress {
        while true {
            switch handshake?.receive(&buffer) ?? .done {
            case .needMore: return .needMore(said: take())
            case .send(var bytes): if said == nil { said = bytes } else { said?.writeBuffer(&bytes) }
            case .done: return .done(said: take())
            case .fail(let why): return .failed(why)
            }
        }
    }

    private mutating func take() -> ByteBuffer? {
        defer { said = nil }
        return said
    }
}
