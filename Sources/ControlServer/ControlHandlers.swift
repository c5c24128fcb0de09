// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import GRPCWire
import NIOCore

/// Puts the operations of a control plane into a gRPC server's table.
struct ControlHandlers: Sendable {
    let plane: any ControlPlane

    /// Adds a service under its own name and its alias.
    func add(_ service: ControlService, to table: inout GRPCHandlerTable.Builder) {
        for operation in ControlOperations.all where operation.service == service {
            for name in [service.fullName, service.alias].compactMap(\.self) {
                add(operation, at: "/\(name)/\(operation.method)", to: &table)
            }
        }
    }

    private func add(_ operation: ControlOperation, at path: String, to table: inout GRPCHandlerTable.Builder) {
        let isChange = operation.isChange
        switch operation.body {
        case .immediate(let perform):
            let inline: GRPCHandlerTable.InlineUnary = { [plane] request, context throws(GRPCStatus) in
                do {
                    return try perform(plane, request, Self.caller(context, isChange: isChange))
                } catch {
                    throw GRPCStatus(answering: error)
                }
            }
            table.unary(path, inline: inline)
        case .deferred(let perform):
            let later: GRPCHandlerTable.AsyncUnary = { [plane] request, context in
                do {
                    return try await perform(plane, request, Self.caller(context, isChange: isChange))
                } catch {
                    throw GRPCStatus(answering: error)
                }
            }
            table.unary(path, async: later)
        case .serverStream(let perform):
            let stream: GRPCHandlerTable.Streaming = { [plane] requests, responses, context in
                guard let request = try await requests.next() else {
                    throw GRPCStatus(.internal, "cardinality violation: received no request message")
                }
                do {
                    let answers = try perform(plane, request, Self.caller(context, isChange: isChange))
                    for try await answer in answers { try await responses.write(answer) }
                } catch {
                    throw GRPCStatus(answering: error)
                }
            }
            table.streaming(path, handler: stream)
        }
    }

    /// Queries do not look at who calls: their hot path need not spell an address.
    private static func caller(_ context: GRPCCallContext, isChange: Bool) -> ControlCaller {
        .api(peer: isChange ? peer(context) : "")
    }

    /// `127.0.0.1:5000`, `[::1]:5000`, `unix (uid 0, pid 17)`, or `in-process` for a channel without a socket. The account's name is not
    /// looked up, as that may wait for a database.
    private static func peer(_ context: GRPCCallContext) -> String {
        if let peer = context.peerCredentials { return "unix (uid \(peer.user), pid \(peer.process))" }
        guard let address = context.remoteAddress else { return "in-process" }
        guard let ip = address.ipAddress, let port = address.port else { return "unix" }
        return ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }
}
