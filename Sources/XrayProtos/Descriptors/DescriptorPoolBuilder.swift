// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

/// Gathers the declarations of descriptor files, then links the fields to their types.
struct DescriptorPoolBuilder {
    private(set) var files: [FileDescriptor] = []
    private(set) var services: [ServiceDescriptor] = []
    private(set) var messages: [String: MessageDescriptor] = [:]
    private(set) var enums: [String: EnumDescriptor] = [:]
    private(set) var filesBySymbol: [String: String] = [:]
    private var pendingServices: [(file: String, prefix: String, proto: Google_Protobuf_ServiceDescriptorProto)] = []

    mutating func add(_ proto: Google_Protobuf_FileDescriptorProto) throws(ProtoError) {
        let bytes: [UInt8]
        do {
            bytes = try proto.serializedBytes()
        } catch {
            throw ProtoError(.malformed, "\(proto.name): \(error)")
        }
        files.append(
            FileDescriptor(
                name: proto.name, package: proto.package, dependencies: proto.dependency, serialized: bytes))
        let prefix = proto.package.isEmpty ? "" : proto.package + "."
        for message in proto.messageType { try add(message, prefix: prefix, file: proto.name) }
        for enumeration in proto.enumType { add(enumeration, prefix: prefix, file: proto.name) }
        for service in proto.service { pendingServices.append((proto.name, prefix, service)) }
    }

    /// Resolves type names to types. Called once, after all files are in.
    mutating func link() throws(ProtoError) {
        for message in messages.values {
            for field in message.fields {
                guard let type = field.typeName else { continue }
                switch field.kind {
                case .message: field.messageType = try find(message: type, for: field.fullName)
                default: field.enumType = enums[type]
                }
                if field.messageType == nil, field.enumType == nil {
                    throw ProtoError(.unknownName, "\(field.fullName): no type named \(type)")
                }
            }
        }
        for (file, prefix, proto) in pendingServices { try add(proto, prefix: prefix, file: file) }
    }

    private func find(message name: String, for user: String) throws(ProtoError) -> MessageDescriptor {
        guard let message = messages[name] else {
            throw ProtoError(.unknownName, "\(user): no message named \(name)")
        }
        return message
    }

    private mutating func add(
        _ proto: Google_Protobuf_DescriptorProto, prefix: String, file: String
    ) throws(ProtoError) {
        let fullName = prefix + proto.name
        let inner = fullName + "."
        for nested in proto.nestedType { try add(nested, prefix: inner, file: file) }
        for enumeration in proto.enumType { add(enumeration, prefix: inner, file: file) }
        // An `optional` field stands in a oneof of its own, which has no other use.
        let synthetic = Set(proto.field.filter(\.proto3Optional).map(\.oneofIndex))
        let entries = Set(proto.nestedType.filter(\.options.mapEntry).map { "." + inner + $0.name })
        var fields: [FieldDescriptor] = []
        for field in proto.field {
            let oneof = field.hasOneofIndex && !synthetic.contains(field.oneofIndex) ? Int(field.oneofIndex) : nil
            let isMessage = field.type == .message
            let cardinality: FieldDescriptor.Cardinality =
                field.label != .repeated ? .single : entries.contains(field.typeName) ? .map : .list
            fields.append(
                FieldDescriptor(
                    name: field.name, fullName: inner + field.name, jsonName: field.jsonName,
                    number: Int(field.number), kind: try kind(of: field, in: fullName), cardinality: cardinality,
                    hasPresence: cardinality == .single
                        && (isMessage || field.hasOneofIndex || proto.options.mapEntry),
                    oneofIndex: oneof,
                    typeName: field.typeName.isEmpty ? nil : String(field.typeName.dropFirst())))
            filesBySymbol[inner + field.name] = file
        }
        var oneofs: [String] = []
        // Oneofs of `optional` fields come last, so the indices of the others hold.
        for (index, oneof) in proto.oneofDecl.enumerated() where !synthetic.contains(Int32(index)) {
            oneofs.append(oneof.name)
            filesBySymbol[inner + oneof.name] = file
        }
        messages[fullName] = MessageDescriptor(
            name: proto.name, fullName: fullName, file: file, fields: fields, oneofs: oneofs,
            isMapEntry: proto.options.mapEntry)
        filesBySymbol[fullName] = file
    }

    private mutating func add(_ proto: Google_Protobuf_EnumDescriptorProto, prefix: String, file: String) {
        let fullName = prefix + proto.name
        enums[fullName] = EnumDescriptor(
            name: proto.name, fullName: fullName, file: file,
            values: proto.value.map { EnumDescriptor.Value(name: $0.name, number: $0.number) })
        filesBySymbol[fullName] = file
        for value in proto.value { filesBySymbol[prefix + value.name] = file }
    }

    private mutating func add(
        _ proto: Google_Protobuf_ServiceDescriptorProto, prefix: String, file: String
    ) throws(ProtoError) {
        let fullName = prefix + proto.name
        filesBySymbol[fullName] = file
        var methods: [MethodDescriptor] = []
        for method in proto.method {
            methods.append(
                MethodDescriptor(
                    name: method.name, service: fullName,
                    input: try find(message: String(method.inputType.dropFirst()), for: fullName),
                    output: try find(message: String(method.outputType.dropFirst()), for: fullName),
                    clientStreaming: method.clientStreaming, serverStreaming: method.serverStreaming))
            filesBySymbol[fullName + "." + method.name] = file
        }
        services.append(ServiceDescriptor(name: proto.name, fullName: fullName, file: file, methods: methods))
    }

    private func kind(
        of field: Google_Protobuf_FieldDescriptorProto, in message: String
    ) throws(ProtoError) -> FieldDescriptor.Kind {
        switch field.type {
        case .double: .double
        case .float: .float
        case .int64: .int64
        case .uint64: .uint64
        case .int32: .int32
        case .fixed64: .fixed64
        case .fixed32: .fixed32
        case .bool: .bool
        case .string: .string
        case .message: .message
        case .bytes: .bytes
        case .uint32: .uint32
        case .enum: .enumeration
        case .sfixed32: .sfixed32
        case .sfixed64: .sfixed64
        case .sint32: .sint32
        case .sint64: .sint64
        case .group: throw ProtoError(.mismatch, "\(message).\(field.name): groups are not supported")
        }
    }
}
