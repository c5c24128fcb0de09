// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import GRPCWire
package import NIOCore

/// The Xray gRPC API of one control plane: services under their own names and their aliases, reflection and health.
package final class ControlServer: Sendable {
    private let server: GRPCServer
    private let health: HealthService?

    /// - Parameter additions: Services that are not the control plane's; those that the selection names are served.
    package init(
        plane: any ControlPlane, selection: ServiceSelection, group: any EventLoopGroup,
        configuration: GRPCServerConfiguration = GRPCServerConfiguration(), additions: [ServiceAddition] = []
    ) {
        let additions = additions.filter { selection.additions.contains($0.name) }
        var names = selection.services.flatMap { [$0.fullName, $0.alias].compactMap(\.self) }
        names += additions.map(\.fullName)
        if selection.hasReflection { names += ReflectionService.names }
        if selection.hasHealth { names.append(HealthService.name) }
        let health = selection.hasHealth ? HealthService(services: names) : nil
        let handlers = GRPCHandlerTable { table in
            for service in selection.services { ControlHandlers(plane: plane).add(service, to: &table) }
            for addition in additions { addition.add(&table) }
            if selection.hasReflection { ReflectionService(services: names).add(to: &table) }
            health?.add(to: &table)
        }
        self.health = health
        server = GRPCServer(configuration: configuration, group: group, handlers: handlers)
    }

    /// A server that listens on `address` (the forms of ``ListenAddress``).
    package static func start(
        plane: any ControlPlane, selection: ServiceSelection, listeningOn address: String, group: any EventLoopGroup
    ) async throws -> ControlServer {
        let server = ControlServer(plane: plane, selection: selection, group: group)
        try await server.listen(on: address)
        return server
    }

    /// Binds `address` and returns it with the port that was given. A socket file on which nobody listens is replaced.
    @discardableResult
    package func listen(on address: String) async throws -> GRPCAddress {
        let parsed = try ListenAddress(address)
        if case .unix(let path) = parsed.address { try StaleSocket.remove(at: path) }
        do {
            return try await server.listen(on: parsed.address, socketMode: parsed.socketMode)
        } catch let status as GRPCStatus {
            throw ControlServerError(code: .bind, status.message)
        }
    }

    /// Serves the API on a channel that something else has made: in legacy mode, a connection that was routed to the API's tag.
    package func serve(_ channel: any Channel) -> EventLoopFuture<Void> { server.configure(channel: channel) }

    /// How many clients are connected.
    package var connectionCount: Int { server.connectionCount }

    /// Stops listening, lets running calls end for `grace`, and closes all connections.
    package func stop(grace: TimeAmount = .seconds(1)) async {
        health?.stop()
        await server.shutdown(grace: grace)
    }
}
