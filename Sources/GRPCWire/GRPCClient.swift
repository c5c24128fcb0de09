// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import NIOPosix

/// A gRPC client over plaintext HTTP/2: one connection, made with the first call and made again when it was lost.
package final class GRPCClient: Sendable {
    package let address: GRPCAddress
    private let eventLoop: any EventLoop
    private let configuration: GRPCClientConfiguration
    private let connector: NIOLoopBoundBox<ClientConnector>

    package init(
        address: GRPCAddress, group: any EventLoopGroup,
        configuration: GRPCClientConfiguration = GRPCClientConfiguration()
    ) {
        self.address = address
        self.configuration = configuration
        let eventLoop = group.next()
        self.eventLoop = eventLoop
        connector = .makeBoxSendingValue(
            ClientConnector(address: address, configuration: configuration, eventLoop: eventLoop), eventLoop: eventLoop)
    }

    /// Takes the forms of ``GRPCAddress/init(_:)``. Throws `INVALID_ARGUMENT`.
    package convenience init(
        target: String, group: any EventLoopGroup, configuration: GRPCClientConfiguration = GRPCClientConfiguration()
    ) throws(GRPCStatus) {
        self.init(address: try GRPCAddress(target), group: group, configuration: configuration)
    }

    /// Connects without a call. Throws `UNAVAILABLE`, naming the address.
    package func connect() async throws {
        try await eventLoop.flatSubmit { [connector] in connector.value.connect() }.get()
    }

    /// One request, one response. Throws the call's ``GRPCStatus`` unless it is `OK`; `UNAVAILABLE`, naming the address, when there
    /// is no connection; `CANCELLED` when the task is cancelled.
    package func unary(
        _ path: String, _ request: ByteBuffer, metadata: GRPCMetadata = [:], timeout: TimeAmount? = nil
    ) async throws(GRPCStatus) -> ByteBuffer {
        let lease = begin(path, metadata: metadata, timeout: timeout, only: request)
        defer { lease.cancel() }
        do {
            guard let response = try await lease.inbound.next() else {
                throw GRPCStatus(.internal, "cardinality violation: received no response message")
            }
            guard try await lease.inbound.next() == nil else {
                throw GRPCStatus(.internal, "cardinality violation: received more than one response message")
            }
            return response
        } catch {
            throw GRPCStatus(error)
        }
    }

    /// One request, many responses. The call is cancelled when the stream is let go.
    package func serverStreaming(
        _ path: String, _ request: ByteBuffer, metadata: GRPCMetadata = [:], timeout: TimeAmount? = nil
    ) -> GRPCInboundStream {
        let lease = begin(path, metadata: metadata, timeout: timeout, only: request)
        return GRPCInboundStream(queue: lease.inbound, lease: lease)
    }

    /// Many requests, many responses (or one). The call is cancelled when both halves are let go.
    package func streaming(
        _ path: String, metadata: GRPCMetadata = [:], timeout: TimeAmount? = nil
    ) -> (requests: GRPCOutboundWriter, responses: GRPCInboundStream) {
        let lease = begin(path, metadata: metadata, timeout: timeout, only: nil)
        return (
            GRPCOutboundWriter(lease: lease) { [eventLoop, call = lease.call] operation in
                eventLoop.execute { call.value.perform(operation) }
            },
            GRPCInboundStream(queue: lease.inbound, lease: lease)
        )
    }

    /// Fails the calls that run and closes the connection; later calls fail.
    package func close() async {
        try? await eventLoop.flatSubmit { [connector] in connector.value.close() }.get()
    }

    private func begin(
        _ path: String, metadata: GRPCMetadata, timeout: TimeAmount?, only request: ByteBuffer?
    ) -> ClientCallLease {
        let call = ClientCall(
            path: path, metadata: metadata, timeout: timeout, messageLimit: configuration.maxMessageSize,
            eventLoop: eventLoop)
        let lease = ClientCallLease(call, eventLoop: eventLoop)
        eventLoop.execute { [connector, call = lease.call] in
            if let request {
                call.value.write(request, WriteTicket())
                call.value.finishWriting()
            }
            call.value.armDeadline()
            connector.value.start(call.value)
        }
        return lease
    }
}
