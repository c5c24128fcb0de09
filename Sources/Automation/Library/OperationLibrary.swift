// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import NIOCore
import XrayProtos

extension Library {
    /// A stream of answers: `stream:next()` waits for the next one and is nil at the end; `stream:close()`.
    private final class ResponseStream {
        let reader: StreamReader
        let type: MessageDescriptor

        init(_ stream: AsyncThrowingStream<ByteBuffer, any Error>, type: MessageDescriptor) {
            reader = StreamReader(stream)
            self.type = type
        }
    }

    /// Every call of the API under its own name: `stats.QueryStats{ pattern = "user>>>" }`, `handler.AlterInbound{ … }`, …
    /// in the tables `handler`, `routing`, `stats`, `logger`, `observatory` and `flow`. Calls that may take time let the script wait.
    static func installOperations(in state: LuaState, for script: ScriptInstance) throws {
        let streams = LuaObjectType<ResponseStream>(name: "stream", onClose: { $0.reader.cancel() })
            .method("next") { stream, call in
                let (reader, type) = (stream.reader, stream.type)
                return try perform(call, script) {
                    let bytes = try await reader.next()
                    return ScriptAnswer { call in
                        if let bytes { try push(bytes, as: type, on: call) } else { call.pushNil() }
                        return 1
                    }
                }
            }
        try state.register(streams)
        for operation in ControlOperations.all {
            try install(operation, in: state, for: script, streams: streams)
        }
    }

    /// `HandlerService` → `handler`.
    static func tableName(of service: ControlService) -> String {
        service.name.replacing("Service", with: "").lowercased()
    }

    private static func install(
        _ operation: ControlOperation, in state: LuaState, for script: ScriptInstance,
        streams: LuaObjectType<ResponseStream>
    ) throws {
        guard let request = DescriptorPool.shared.message(operation.requestType),
            let response = DescriptorPool.shared.message(operation.responseType)
        else { throw LuaError("\(operation.path): message types are not described") }
        let control = script.context.control
        let caller = script.caller
        let requests = ConfigurationRequests(objects: script.context.objects)
        let path = "\(tableName(of: operation.service)).\(operation.method)"
        try register(call: path, in: state, for: script) { call in
            let table = try call.optionalTable(1) ?? LuaTable()
            let bytes = ByteBuffer(
                bytes: try requests.bytes(for: operation.method, table)
                    ?? LuaMessageEncoder.encode(table, as: request))
            switch operation.body {
            case .immediate(let body):
                try push(try body(control, bytes, caller), as: response, on: call)
                return 1
            case .deferred(let body):
                return try perform(call, script) {
                    let answer = try await body(control, bytes, caller)
                    return ScriptAnswer { call in
                        try push(answer, as: response, on: call)
                        return 1
                    }
                }
            case .serverStream(let body):
                try call.push(ResponseStream(try body(control, bytes, caller), type: response), as: streams)
                return 1
            }
        }
    }

    static func push(_ bytes: ByteBuffer, as type: MessageDescriptor, on call: LuaCall) throws {
        try bytes.withUnsafeReadableBytes { try LuaMessageDecoder.push($0, as: type, on: call) }
    }
}

/// Takes answers one at a time; a cancelled one ends.
private actor StreamReader {
    private var iterator: AsyncThrowingStream<ByteBuffer, any Error>.Iterator?
    private var isReading = false
    private var isCancelled = false

    init(_ stream: AsyncThrowingStream<ByteBuffer, any Error>) {
        iterator = stream.makeAsyncIterator()
    }

    func next() async throws -> ByteBuffer? {
        guard !isReading else { throw LuaError("stream:next: another run waits for this stream") }
        guard !isCancelled, var own = iterator else { return nil }
        isReading = true
        defer { isReading = false }
        iterator = nil
        let element = try await own.next(isolation: self)
        iterator = isCancelled ? nil : own
        return element
    }

    nonisolated func cancel() {
        Task { await self.end() }
    }

    private func end() {
        isCancelled = true
        iterator = nil
    }
}
