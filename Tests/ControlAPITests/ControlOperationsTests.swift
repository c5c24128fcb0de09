// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Testing
import XrayProtos

struct ControlOperationsTests {
    private static let services = DescriptorPool.shared.controlServices.map(\.fullName)

    @Test func thereAreServices() {
        #expect(Self.services.contains("xray.app.stats.command.StatsService") && Self.services.count >= 6)
    }

    /// The descriptors say what the API has; the table must have all of it, with the same types, in the same order.
    @Test(arguments: services) func everyMethodOfAServiceHasAnOperation(name: String) throws {
        let service = try #require(DescriptorPool.shared.service(name))
        let operations = ControlOperations.all.filter { $0.service.fullName == name }
        #expect(operations.map(\.method) == service.methods.map(\.name))
        for (operation, method) in zip(operations, service.methods) {
            #expect(operation.path == method.path)
            #expect(operation.requestType == method.input.fullName)
            #expect(operation.responseType == method.output.fullName)
            if case .serverStream = operation.body {
                #expect(method.serverStreaming && !method.clientStreaming)
            } else {
                #expect(method.isUnary)
            }
        }
    }

    @Test func noOperationIsOfAnUnknownService() {
        #expect(ControlOperations.all.allSatisfy { Self.services.contains($0.service.fullName) })
        #expect(Set(ControlService.all.map(\.fullName)) == Set(Self.services))
    }

    @Test func aliasesLeadToTheSameOperations() {
        for (alias, name) in DescriptorPool.aliases {
            #expect(ControlService.all.contains { $0.alias == alias && $0.fullName == name })
        }
        for operation in ControlOperations.all {
            guard let alias = operation.service.alias else { continue }
            #expect(ControlOperations.operation(path: "/\(alias)/\(operation.method)")?.path == operation.path)
        }
        #expect(ControlOperations.operation(path: "/no.such.Service/Get") == nil)
    }
}
