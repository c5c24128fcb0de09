// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// How the messages of a session are answered that ask for one thing each (DNS): by the core, or by a server.
package struct QueryPlan {
    /// Where queries go that are let through.
    package var server: Destination
    /// How the server is reached.
    package var link: PacketPlan
    /// The level whose time-outs apply.
    package var level: UInt32
    /// Decides on a message; pure, called on the session's event loop.
    package var judge: (ByteBuffer) -> QueryVerdict

    package init(
        server: Destination, link: PacketPlan, level: UInt32, judge: @escaping (ByteBuffer) -> QueryVerdict
    ) {
        self.server = server
        self.link = link
        self.level = level
        self.judge = judge
    }
}

package enum QueryVerdict {
    /// Nothing comes back; with what was dropped, for the log.
    case drop(String)
    case answer(ByteBuffer)
    /// The answer is made of what the core's resolver finds for a name.
    case lookUp(String, answer: (NameAnswer) -> ByteBuffer)
    /// To the plan's server, and what it answers to the client.
    case forward
}
