// SPDX-License-Identifier: Apache-2.0

/// All types and services of a set of .proto files, looked up by full name. Immutable once built.
package struct DescriptorPool: Sendable {
    /// In an order where each file follows those that it imports.
    package let files: [FileDescriptor]
    /// In the order of the files.
    package let services: [ServiceDescriptor]

    private let filesByName: [String: FileDescriptor]
    private let filesBySymbol: [String: String]
    private let messagesByName: [String: MessageDescriptor]
    private let enumsByName: [String: EnumDescriptor]
    private let servicesByName: [String: ServiceDescriptor]
    private let methodsByPath: [String: MethodDescriptor]

    /// Names under which old clients call a service, and the service's own name.
    package static let aliases = [
        "v2ray.core.app.log.command.LoggerService": "xray.app.log.command.LoggerService",
        "v2ray.core.app.proxyman.command.HandlerService": "xray.app.proxyman.command.HandlerService",
        "v2ray.core.app.router.command.RoutingService": "xray.app.router.command.RoutingService",
        "v2ray.core.app.stats.command.StatsService": "xray.app.stats.command.StatsService",
    ]

    init(_ builder: DescriptorPoolBuilder) {
        files = builder.files
        services = builder.services
        filesByName = Dictionary(builder.files.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        filesBySymbol = builder.filesBySymbol
        messagesByName = builder.messages
        enumsByName = builder.enums
        var byName = [String: ServiceDescriptor](minimumCapacity: services.count * 2)
        var byPath: [String: MethodDescriptor] = [:]
        for service in services { byName[service.fullName] = service }
        for (alias, name) in Self.aliases { byName[alias] = byName[name] }
        for (name, service) in byName {
            for method in service.methods { byPath["/\(name)/\(method.name)"] = method }
        }
        servicesByName = byName
        methodsByPath = byPath
    }

    /// The services that a core's control plane performs. Others are gRPC's own, those of the scripts beside the core, and
    /// the one that carries a transport's streams.
    package var controlServices: [ServiceDescriptor] {
        let others = ["grpc.", "tidegate.script.", "xray.transport."]
        return services.filter { service in !others.contains { service.fullName.hasPrefix($0) } }
    }

    package func file(named name: String) -> FileDescriptor? { filesByName[name] }

    /// The file that declares a message, field, oneof, enum, enum value, service or method of that full name.
    /// Aliases of services are not symbols.
    package func file(containingSymbol name: String) -> FileDescriptor? {
        filesBySymbol[name].flatMap { filesByName[$0] }
    }

    package func message(_ fullName: String) -> MessageDescriptor? { messagesByName[fullName] }
    package func enumeration(_ fullName: String) -> EnumDescriptor? { enumsByName[fullName] }

    /// The service of that full name or alias.
    package func service(_ fullName: String) -> ServiceDescriptor? { servicesByName[fullName] }

    /// The method of a request path, `/package.Service/Method`; aliases of the service are known.
    package func method(path: String) -> MethodDescriptor? { methodsByPath[path] }

    /// The full names of all messages, map entries left out, in order.
    package var messageNames: [String] { messagesByName.values.filter { !$0.isMapEntry }.map(\.fullName).sorted() }

    /// The names of all declared symbols, in order.
    package var symbols: [String] { filesBySymbol.keys.sorted() }
}
