// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import GRPCWire
import NIOCore
import SwiftProtobuf
import Synchronization
import XrayProtos

/// grpc.health.v1: the server as a whole (the empty name) and each of its services is SERVING until the server stops.
final class HealthService: Sendable {
    static let name = "grpc.health.v1.Health"
    private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    private struct State {
        var isStopping = false
        var nextWatcher = 0
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let services: Set<String>
    private let state = Mutex(State())

    init(services: [String]) { self.services = Set(services + ["", Self.name]) }

    func add(to table: inout GRPCHandlerTable.Builder) {
        table.unary(
            "/\(Self.name)/Check",
            inline: { [self] request, _ throws(GRPCStatus) in
                let name = try Self.decode(Grpc_Health_V1_HealthCheckRequest.self, request).service
                let status = status(of: name)
                guard status != .serviceUnknown else { throw GRPCStatus(.notFound, "unknown service") }
                return try Self.encode(Grpc_Health_V1_HealthCheckResponse.with { $0.status = status })
            })
        table.unary(
            "/\(Self.name)/List",
            inline: { [self] _, _ throws(GRPCStatus) in
                var response = Grpc_Health_V1_HealthListResponse()
                for name in services {
                    response.statuses[name] = .with { $0.status = self.status(of: name) }
                }
                return try Self.encode(response)
            })
        table.streaming("/\(Self.name)/Watch") { [self] requests, responses, _ in
            guard let request = try await requests.next() else {
                throw GRPCStatus(.internal, "cardinality violation: received no request message")
            }
            let name = try Self.decode(Grpc_Health_V1_HealthCheckRequest.self, request).service
            var last: Status?
            for await _ in changes() {
                let status = status(of: name)
                guard status != last else { continue }
                last = status
                try await responses.write(Self.encode(Grpc_Health_V1_HealthCheckResponse.with { $0.status = status }))
            }
        }
    }

    /// From now on nothing is serving; watchers are told, and their calls end.
    func stop() {
        let watchers = state.withLock { state in
            state.isStopping = true
            defer { state.watchers = [:] }
            return state.watchers.values
        }
        for watcher in watchers {
            watcher.yield()
            watcher.finish()
        }
    }

    private func status(of name: String) -> Status {
        guard services.contains(name) else { return .serviceUnknown }
        return state.withLock { $0.isStopping } ? .notServing : .serving
    }

    /// One element at once and one for each change.
    private func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        continuation.yield()
        let id = state.withLock { state -> Int? in
            guard !state.isStopping else { return nil }
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = continuation
            return state.nextWatcher
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
        }
        return stream
    }

    private static func decode<Request: Message>(
        _ type: Request.Type, _ bytes: ByteBuffer
    ) throws(GRPCStatus) -> Request {
        do {
            return try Request(serializedBytes: Array(bytes.readableBytesView))
        } catch {
            throw GRPCStatus(
                .internal,
                "grpc: error unmarshalling request: \(ControlError.protobufPrefix)cannot parse invalid wire-format data"
            )
        }
    }

    private static func encode(_ message: some Message) throws(GRPCStatus) -> ByteBuffer {
        do {
            let bytes: [UInt8] = try message.serializedBytes()
            return ByteBuffer(bytes: bytes)
        } catch {
            throw GRPCStatus(.internal, "cannot encode the answer: \(error)")
        }
    }
}
