// SPDX-License-Identifier: Apache-2.0

/// A gRPC service and its methods, in the order of the .proto file.
package final class ServiceDescriptor: Sendable {
    package let name: String
    package let fullName: String
    package let file: String
    package let methods: [MethodDescriptor]

    init(name: String, fullName: String, file: String, methods: [MethodDescriptor]) {
        self.name = name
        self.fullName = fullName
        self.file = file
        self.methods = methods
    }

    package func method(named name: String) -> MethodDescriptor? { methods.first { $0.name == name } }
}

/// One RPC of a service.
package final class MethodDescriptor: Sendable {
    package let name: String
    /// `package.Service.Method`
    package let fullName: String
    package let service: String
    package let input: MessageDescriptor
    package let output: MessageDescriptor
    package let clientStreaming: Bool
    package let serverStreaming: Bool

    init(
        name: String, service: String, input: MessageDescriptor, output: MessageDescriptor, clientStreaming: Bool,
        serverStreaming: Bool
    ) {
        self.name = name
        self.service = service
        self.input = input
        self.output = output
        self.clientStreaming = clientStreaming
        self.serverStreaming = serverStreaming
        fullName = service + "." + name
    }

    /// The request path: `/package.Service/Method`.
    package var path: String { "/" + service + "/" + name }
    package var isUnary: Bool { !clientStreaming && !serverStreaming }
}

/// A .proto file.
package final class FileDescriptor: Sendable {
    package let name: String
    package let package: String
    /// The names of the files that it imports.
    package let dependencies: [String]
    /// The encoded `google.protobuf.FileDescriptorProto`.
    package let serialized: [UInt8]

    init(name: String, package: String, dependencies: [String], serialized: [UInt8]) {
        self.name = name
        self.package = package
        self.dependencies = dependencies
        self.serialized = serialized
    }
}
