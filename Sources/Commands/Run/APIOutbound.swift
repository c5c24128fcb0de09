// SPDX-License-Identifier: Apache-2.0
import ControlServer
import NIOCore
import ProxyCore

/// The outbound that leads to the API: what an inbound and a rule route to its tag is served by the gRPC server
/// (the API object without `listen`).
final class APIOutbound: OutboundProtocol, InProcessServer {
    private let server: ControlServer

    init(server: ControlServer) {
        self.server = server
    }

    var name: String { "api" }

    func stream(for session: Session) -> StreamPlan { .serve(self) }

    func packets(for session: Session) -> PacketPlan { .refuse("the API takes no datagrams") }

    func takeOver(_ channel: any Channel) -> EventLoopFuture<Void> { server.serve(channel) }
}
