// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import SwiftProtobuf
import XrayProtos

/// The answers of one reflection call. A file is sent to it once: what a later answer needs again is left out, as grpc-go does.
struct ReflectionAnswer {
    private let catalog: ReflectionCatalog
    private var sent: Set<String> = []

    init(catalog: ReflectionCatalog) { self.catalog = catalog }

    /// The answer to one request; nil for a request of no kind, which ends the call.
    mutating func answer(
        to request: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse? {
        var response = Grpc_Reflection_V1_ServerReflectionResponse()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .fileByFilename(let name):
            response.messageResponse = files(catalog.file(named: name))
        case .fileContainingSymbol(let symbol):
            response.messageResponse = files(catalog.file(containingSymbol: symbol))
        case .fileContainingExtension:
            // The types are proto3: none has extensions.
            response.messageResponse = Self.notFound
        case .allExtensionNumbersOfType(let name):
            response.messageResponse =
                catalog.hasMessage(name)
                ? .allExtensionNumbersResponse(.with { $0.baseTypeName = name }) : Self.notFound
        case .listServices:
            response.messageResponse = .listServicesResponse(
                .with { $0.service = catalog.services.map { name in .with { $0.name = name } } })
        case nil:
            return nil
        }
        return response
    }

    private mutating func files(
        _ file: ReflectionCatalog.File?
    ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
        guard let file else { return Self.notFound }
        var response = Grpc_Reflection_V1_FileDescriptorResponse()
        for entry in catalog.withDependencies(file) where sent.insert(entry.name).inserted || entry.name == file.name {
            response.fileDescriptorProto.append(Data(entry.serialized))
        }
        return .fileDescriptorResponse(response)
    }

    private static let notFound = Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse.errorResponse(
        .with {
            $0.errorCode = 5
            $0.errorMessage = ControlError.protobufPrefix + "not found"
        })
}
