// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import GRPCWire
import NIOCore
import SwiftProtobuf
import XrayProtos

/// Server reflection in both of its versions, whose messages have the same fields under two names.
struct ReflectionService: Sendable {
    static let names = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

    private let catalog: ReflectionCatalog

    /// - Parameter services: the full names of all services of the server, its own included.
    init(services: [String]) { catalog = ReflectionCatalog(services: services) }

    func add(to table: inout GRPCHandlerTable.Builder) {
        for name in Self.names {
            table.streaming("/\(name)/ServerReflectionInfo") { [catalog] requests, responses, _ in
                var answers = ReflectionAnswer(catalog: catalog)
                for try await bytes in requests {
                    let request: Grpc_Reflection_V1_ServerReflectionRequest
                    do {
                        request = try .init(serializedBytes: Array(bytes.readableBytesView))
                    } catch {
                        throw GRPCStatus(
                            .internal,
                            "grpc: error unmarshalling request: \(ControlError.protobufPrefix)"
                                + "cannot parse invalid wire-format data")
                    }
                    guard let response = answers.answer(to: request) else {
                        throw GRPCStatus(.invalidArgument, "invalid MessageRequest: <nil>")
                    }
                    let answer: [UInt8] = try response.serializedBytes()
                    try await responses.write(ByteBuffer(bytes: answer))
                }
            }
        }
    }
}
