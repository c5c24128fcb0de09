// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// The methods that a server answers, by full path. Immutable once made; look-ups compare octets and make no `String`.
package struct GRPCHandlerTable: Sendable {
    /// Runs on the connection's event loop and answers in the same pass: it must not block or wait.
    package typealias InlineUnary = @Sendable (ByteBuffer, GRPCCallContext) throws(GRPCStatus) -> ByteBuffer
    /// Runs in a task that is cancelled when the call is, or its deadline passes.
    package typealias AsyncUnary = @Sendable (ByteBuffer, GRPCCallContext) async throws -> ByteBuffer
    /// Runs in a task, as above; its return ends the call with `OK`. Covers server-, client- and bidirectional streaming.
    package typealias Streaming =
        @Sendable (GRPCInboundStream, GRPCOutboundWriter, GRPCCallContext) async throws -> Void

    /// Collects the methods. A path that is not `/service/method`, or registered twice, is the caller's mistake and traps.
    package struct Builder {
        fileprivate var methods: [String: Method] = [:]

        package mutating func unary(_ path: String, inline handler: @escaping InlineUnary) {
            add(path, .inline(handler))
        }

        package mutating func unary(_ path: String, async handler: @escaping AsyncUnary) {
            add(path, .async(handler))
        }

        package mutating func streaming(_ path: String, handler: @escaping Streaming) {
            add(path, .streaming(handler))
        }

        private mutating func add(_ path: String, _ handler: Method.Handler) {
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0].isEmpty, !parts[1].isEmpty, !parts[2].isEmpty else {
                preconditionFailure("not a method path: \(path)")
            }
            let method = Method(path: path, service: String(parts[1]), name: String(parts[2]), handler: handler)
            guard methods.updateValue(method, forKey: path) == nil else {
                preconditionFailure("method registered twice: \(path)")
            }
        }
    }

    final class Method: Sendable {
        enum Handler: Sendable {
            case inline(InlineUnary)
            case async(AsyncUnary)
            case streaming(Streaming)
        }

        let path: String
        let service: String
        let name: String
        let handler: Handler
        let pathBytes: [UInt8]

        init(path: String, service: String, name: String, handler: Handler) {
            self.path = path
            self.service = service
            self.name = name
            self.handler = handler
            pathBytes = Array(path.utf8)
        }

        var isStreaming: Bool {
            if case .streaming = handler { true } else { false }
        }
    }

    /// Open addressing; the count is a power of two and at most half of the places are taken.
    private let places: [Method?]
    private let methodsByService: [String: [String]]

    package init(_ build: (inout Builder) throws -> Void) rethrows {
        var builder = Builder()
        try build(&builder)
        var count = 16
        while count < builder.methods.count * 2 { count *= 2 }
        var places = [Method?](repeating: nil, count: count)
        var methodsByService: [String: [String]] = [:]
        for method in builder.methods.values {
            var place = method.pathBytes.withUnsafeBytes(Self.hash) & (count - 1)
            while places[place] != nil { place = (place + 1) & (count - 1) }
            places[place] = method
            methodsByService[method.service, default: []].append(method.name)
        }
        self.places = places
        self.methodsByService = methodsByService.mapValues { $0.sorted() }
    }

    /// Full names, sorted.
    package var services: [String] { methodsByService.keys.sorted() }

    /// The service's method names, sorted; empty when there is no such service.
    package func methods(of service: String) -> [String] { methodsByService[service] ?? [] }

    func method(at path: UnsafeRawBufferPointer) -> Method? {
        var place = Self.hash(path) & (places.count - 1)
        while let candidate = places[place] {
            if candidate.pathBytes.count == path.count, candidate.pathBytes.elementsEqual(path) { return candidate }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    /// Why there is no such method, in the words of grpc-go.
    func refusal(of path: UnsafeRawBufferPointer) -> GRPCStatus {
        Self.refusal(of: path) { methodsByService[$0] != nil }
    }

    static func refusal(of path: UnsafeRawBufferPointer, hasService: (String) -> Bool) -> GRPCStatus {
        let text = String(decoding: path, as: UTF8.self)
        guard text.hasPrefix("/"), let slash = text.dropFirst().lastIndex(of: "/") else {
            return GRPCStatus(.unimplemented, "malformed method name: \(text.debugDescription)")
        }
        let service = String(text[text.index(after: text.startIndex)..<slash])
        guard hasService(service) else {
            return GRPCStatus(.unimplemented, "unknown service \(service)")
        }
        return GRPCStatus(.unimplemented, "unknown method \(text[text.index(after: slash)...]) for service \(service)")
    }

    /// No secret: the table does not change, so nobody can add colliding paths to it.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash = UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        while bytes.count - offset >= 8 {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
            offset += 8
        }
        while offset < bytes.count {
            hash = (hash ^ UInt64(bytes[offset])) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
            offset += 1
        }
        return Int(truncatingIfNeeded: hash >> 8)
    }
}
