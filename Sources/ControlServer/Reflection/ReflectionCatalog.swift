// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import XrayProtos

/// What reflection can tell: the services of this server, and the files of all types that the core knows.
///
/// The aliases of services have no .proto file of their own; here they get one, so that tools can call them.
struct ReflectionCatalog: Sendable {
    struct File: Sendable {
        let name: String
        let dependencies: [String]
        let serialized: [UInt8]
    }

    /// Full names, sorted.
    let services: [String]
    private let aliasFiles: [String: File]

    init(services: [String]) {
        self.services = services.sorted()
        var files: [String: File] = [:]
        for (alias, name) in DescriptorPool.aliases where services.contains(alias) {
            files[alias] = Self.file(declaring: alias, as: name)
        }
        aliasFiles = files
    }

    func file(named name: String) -> File? {
        if let file = DescriptorPool.shared.file(named: name) { return Self.entry(file) }
        return aliasFiles.values.first { $0.name == name }
    }

    func file(containingSymbol symbol: String) -> File? {
        if let file = DescriptorPool.shared.file(containingSymbol: symbol) { return Self.entry(file) }
        if let file = aliasFiles[symbol] { return file }
        guard let dot = symbol.lastIndex(of: "."), let file = aliasFiles[String(symbol[..<dot])] else { return nil }
        let method = String(symbol[symbol.index(after: dot)...])
        return DescriptorPool.shared.service(String(symbol[..<dot]))?.method(named: method) == nil ? nil : file
    }

    func hasMessage(_ name: String) -> Bool { DescriptorPool.shared.message(name) != nil }

    /// The file and all that it imports, itself first.
    func withDependencies(_ file: File) -> [File] {
        var files = [file]
        var seen: Set<String> = [file.name]
        var index = 0
        while index < files.count {
            for name in files[index].dependencies where seen.insert(name).inserted {
                if let next = self.file(named: name) { files.append(next) }
            }
            index += 1
        }
        return files
    }

    private static func entry(_ file: FileDescriptor) -> File {
        File(name: file.name, dependencies: file.dependencies, serialized: file.serialized)
    }

    /// A file that declares service `alias` with the methods of service `name`, whose types it imports.
    private static func file(declaring alias: String, as name: String) -> File? {
        guard let service = DescriptorPool.shared.service(name), let dot = alias.lastIndex(of: "."),
            let original = DescriptorPool.shared.file(named: service.file),
            let proto = try? Google_Protobuf_FileDescriptorProto(serializedBytes: original.serialized),
            let declaration = proto.service.first(where: { $0.name == service.name })
        else { return nil }
        let package = String(alias[..<dot])
        var file = Google_Protobuf_FileDescriptorProto()
        file.name = "\(package.split(separator: ".").joined(separator: "/"))/alias.proto"
        file.package = package
        file.dependency = [service.file]
        file.syntax = "proto3"
        file.service = [declaration]
        file.service[0].name = String(alias[alias.index(after: dot)...])
        guard let serialized: [UInt8] = try? file.serializedBytes() else { return nil }
        return File(name: file.name, dependencies: file.dependency, serialized: serialized)
    }
}
