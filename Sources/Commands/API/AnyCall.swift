// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import NIOCore
import XrayProtos

struct AnyCall: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Make any call of the API with a request in protobuf's JSON.",
        discussion: """
            A method is named as package.Service/Method, or by a shorter end where that is enough. In a request a TypedMessage may \
            also be written as the message within, with its type under `_TypedMessage_`.
            Example: tidegate api call StatsService/QueryStats '{"pattern": "user>>>"}'
            Example: tidegate api call HandlerService/AlterInbound '{"tag": "in", "operation": {"_TypedMessage_": \
            "xray.app.proxyman.command.RemoveUserOperation", "email": "a@example.com"}}'
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The method.") var method: String
    @Argument(help: "The request; stdin: reads standard input, and nothing is an empty message.") var request = "{}"

    func perform(_ session: APISession) async throws {
        let method = try Self.method(named: method)
        guard !method.clientStreaming else {
            throw APIFailure("\(method.fullName) takes a stream of requests, which this command cannot send", status: 2)
        }
        let text = request == "stdin:" ? try ConfigurationInput.read(request, session).text : request
        let bytes: [UInt8]
        do {
            bytes = try ProtoJSON.decode(text, as: method.input).serialized()
        } catch {
            throw APIFailure("not a \(method.input.fullName): \(error)", status: 2)
        }
        try await session.call(to: "call \(method.name)") { client in
            if method.serverStreaming {
                for try await answer in client.stream(method.path, ByteBuffer(bytes: bytes)) {
                    try session.show(Self.message(answer, method), isOneOfMany: true)
                }
            } else {
                try session.show(Self.message(try await client.call(method.path, ByteBuffer(bytes: bytes)), method))
            }
        }
    }

    private static func message(_ bytes: ByteBuffer, _ method: MethodDescriptor) throws -> DynamicMessage {
        try DynamicMessage(method.output, decoding: Array(bytes.readableBytesView))
    }

    static func method(named name: String) throws(APIFailure) -> MethodDescriptor {
        let pool = DescriptorPool.shared
        let path = name.hasPrefix("/") ? name : "/" + name
        if let method = pool.method(path: path) { return method }
        let isLast = !name.contains("/")
        let found = pool.services.flatMap(\.methods).filter {
            isLast ? $0.name == name : $0.path.hasSuffix("." + path.dropFirst())
        }
        guard found.count <= 1 else {
            let paths = found.map { String($0.path.dropFirst()) }.joined(separator: ", ")
            throw APIFailure("\(name) may mean \(paths)", status: 2)
        }
        guard let method = found.first else {
            throw APIFailure("there is no method \(name); methods are named as StatsService/QueryStats", status: 2)
        }
        return method
    }
}
