// SPDX-License-Identifier: Apache-2.0
import GRPCWire
package import NIOCore
import SwiftProtobuf

/// Calls the API of a running core over gRPC. One connection, made with the first call.
package final class ControlClient: Sendable {
    /// The address as it was given.
    package let target: String
    private let client: GRPCClient
    private let deadline: NIODeadline?

    /// - Parameters:
    ///   - target: `host:port`, `unix:///path`, `unix:path`, `/path` or `@abstract`.
    ///   - timeout: the time for connecting and all calls together, counted from now; nil for none.
    /// - Throws: ``ControlError`` if the target is no address.
    package init(target: String, group: any EventLoopGroup, timeout: TimeAmount? = nil) throws {
        var configuration = GRPCClientConfiguration()
        if let timeout { configuration.connectTimeout = timeout }
        configuration.maxMessageSize = 256 * 1024 * 1024
        do {
            client = try GRPCClient(target: target, group: group, configuration: configuration)
        } catch {
            throw ControlError(error.message)
        }
        self.target = target
        deadline = timeout.map { .now() + $0 }
    }

    /// Connects without a call.
    package func connect() async throws {
        do {
            try await client.connect()
        } catch {
            throw ControlError(GRPCStatus(error))
        }
    }

    package func close() async { await client.close() }

    /// Makes a unary call by its path, `/package.Service/Method`, on encoded messages.
    package func call(_ path: String, _ request: ByteBuffer) async throws -> ByteBuffer {
        do {
            return try await client.unary(path, request, timeout: deadline.map { $0 - .now() })
        } catch {
            throw ControlError(error)
        }
    }

    /// The encoded messages of a call that streams them; the call ends when the stream is let go, and has no time limit.
    package func stream(_ path: String, _ request: ByteBuffer) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let responses = client.serverStreaming(path, request)
        return AsyncThrowingStream {
            do {
                return try await responses.next()
            } catch let status as GRPCStatus {
                throw ControlError(status)
            }
        }
    }

    func call<Request: Message, Response: Message>(
        _ service: ControlService, _ method: String, _ request: Request
    ) async throws -> Response {
        let bytes = try await call("/\(service.fullName)/\(method)", encodeMessage(request))
        do {
            return try Response(serializedBytes: MessageBytes(bytes))
        } catch {
            throw ControlError(code: .malformed, "the answer of \(method) is no \(Response.protoMessageName)")
        }
    }

    func stream<Request: Message, Response: Message>(
        _ service: ControlService, _ method: String, _ request: Request
    ) throws -> AsyncThrowingStream<Response, any Error> {
        let responses = client.serverStreaming("/\(service.fullName)/\(method)", try encodeMessage(request))
        return AsyncThrowingStream {
            do {
                return try await responses.next().map { try Response(serializedBytes: MessageBytes($0)) }
            } catch let status as GRPCStatus {
                throw ControlError(status)
            }
        }
    }
}

extension ControlError {
    /// What a server answered, or why there was no answer.
    init(_ status: GRPCStatus) {
        let code: Code =
            switch status.code {
            case .notFound: .notFound
            case .unimplemented: .unimplemented
            case .unavailable: .unavailable
            case .internal: .malformed
            default: .unknown
            }
        self.init(code: code, status.message)
    }
}
