// SPDX-License-Identifier: Apache-2.0
package import NIOCore
import SwiftProtobuf

/// One call of the API: what it is named, what it takes, and how a ``ControlPlane`` performs it on bytes.
package struct ControlOperation: Sendable {
    package enum Body: Sendable {
        /// Never waits; may run on an event loop.
        case immediate(@Sendable (any ControlPlane, ByteBuffer, ControlCaller) throws -> ByteBuffer)
        /// May wait; runs in a task.
        case deferred(@Sendable (any ControlPlane, ByteBuffer, ControlCaller) async throws -> ByteBuffer)
        /// Answers with any number of messages.
        case serverStream(
            @Sendable (any ControlPlane, ByteBuffer, ControlCaller) throws -> AsyncThrowingStream<ByteBuffer, any Error>
        )
    }

    package let service: ControlService
    package let method: String
    /// Full names of the message types.
    package let requestType: String
    package let responseType: String
    /// Whether it changes the core; only then does it look at who calls. (A reset of counters is part of a query.)
    package let isChange: Bool
    package let body: Body

    /// `/xray.app.stats.command.StatsService/GetStats`.
    package var path: String { "/\(service.fullName)/\(method)" }

    private init<Request: Message, Response: Message>(
        _ service: ControlService, _ method: String, _ request: Request.Type, _ response: Response.Type, isChange: Bool,
        _ body: Body
    ) {
        self.service = service
        self.method = method
        requestType = Request.protoMessageName
        responseType = Response.protoMessageName
        self.isChange = isChange
        self.body = body
    }

    /// A query that is answered at once.
    static func query<Request: Message, Response: Message>(
        _ service: ControlService, _ method: String,
        now perform: @escaping @Sendable (any ControlPlane, Request) throws -> Response
    ) -> ControlOperation {
        ControlOperation(
            service, method, Request.self, Response.self, isChange: false,
            .immediate { plane, bytes, _ in
                try encodeMessage(perform(plane, decodeRequest(Request.self, from: bytes)))
            })
    }

    /// A query that may wait.
    static func query<Request: Message, Response: Message>(
        _ service: ControlService, _ method: String,
        later perform: @escaping @Sendable (any ControlPlane, Request) async throws -> Response
    ) -> ControlOperation {
        ControlOperation(
            service, method, Request.self, Response.self, isChange: false,
            .deferred { plane, bytes, _ in
                try encodeMessage(await perform(plane, decodeRequest(Request.self, from: bytes)))
            })
    }

    /// A change that is made at once.
    static func change<Request: Message, Response: Message>(
        _ service: ControlService, _ method: String,
        now perform: @escaping @Sendable (any ControlPlane, Request, ControlCaller) throws -> Response
    ) -> ControlOperation {
        ControlOperation(
            service, method, Request.self, Response.self, isChange: true,
            .immediate { plane, bytes, caller in
                try encodeMessage(perform(plane, decodeRequest(Request.self, from: bytes), caller))
            })
    }

    /// A change that may wait.
    static func change<Request: Message, Response: Message>(
        _ service: ControlService, _ method: String,
        later perform: @escaping @Sendable (any ControlPlane, Request, ControlCaller) async throws -> Response
    ) -> ControlOperation {
        ControlOperation(
            service, method, Request.self, Response.self, isChange: true,
            .deferred { plane, bytes, caller in
                try encodeMessage(await perform(plane, decodeRequest(Request.self, from: bytes), caller))
            })
    }

    /// A query with a stream of answers.
    static func stream<Request: Message, Response: Message>(
        _ service: ControlService, _ method: String,
        _ perform: @escaping @Sendable (any ControlPlane, Request) throws -> AsyncThrowingStream<Response, any Error>
    ) -> ControlOperation {
        ControlOperation(
            service, method, Request.self, Response.self, isChange: false,
            .serverStream { plane, bytes, _ in
                let reader = StreamReader(try perform(plane, decodeRequest(Request.self, from: bytes)))
                return AsyncThrowingStream { try await reader.next().map(encodeMessage) }
            })
    }
}

/// Takes a stream's elements one at a time for another stream, whose single reader is the only caller of ``next()``.
private actor StreamReader<Element: Sendable> {
    private var iterator: AsyncThrowingStream<Element, any Error>.Iterator?

    init(_ stream: AsyncThrowingStream<Element, any Error>) { iterator = stream.makeAsyncIterator() }

    func next() async throws -> Element? {
        var own = iterator
        iterator = nil
        let element = try await own?.next(isolation: self)
        iterator = own
        return element
    }
}
