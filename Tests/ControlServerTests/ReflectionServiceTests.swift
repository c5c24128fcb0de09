// SPDX-License-Identifier: Apache-2.0
import GRPCWire
import NIOCore
import SwiftProtobuf
import Testing
import XrayProtos

struct ReflectionServiceTests {
    private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse
    private static let services = [
        "HandlerService", "RoutingService", "LoggerService", "StatsService", "ReflectionService",
    ]
    private static let versions = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

    private func ask(_ requests: [Request], version: String = versions[0]) async throws -> [Response] {
        try await RunningServer.run(Self.services) { running in
            let (writer, responses) = running.client.streaming("/\(version)/ServerReflectionInfo")
            var answers: [Response] = []
            for request in requests {
                let bytes: [UInt8] = try request.serializedBytes()
                try await writer.write(ByteBuffer(bytes: bytes))
                let answer = try #require(try await responses.next())
                answers.append(try Response(serializedBytes: Array(answer.readableBytesView)))
            }
            writer.finish()
            #expect(try await responses.next() == nil)
            return answers
        }
    }

    private func files(_ response: Response) throws -> [Google_Protobuf_FileDescriptorProto] {
        try response.fileDescriptorResponse.fileDescriptorProto.map { try .init(serializedBytes: $0) }
    }

    /// The order and the echoed request are those of the original's recorded answer.
    @Test(arguments: versions) func listsAllServicesSorted(version: String) async throws {
        let request = Request.with { $0.listServices = "*" }
        let answer = try #require(try await ask([request], version: version).first)
        #expect(answer.originalRequest == request)
        #expect(
            answer.listServicesResponse.service.map(\.name) == [
                "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
                "v2ray.core.app.log.command.LoggerService", "v2ray.core.app.proxyman.command.HandlerService",
                "v2ray.core.app.router.command.RoutingService", "v2ray.core.app.stats.command.StatsService",
                "xray.app.log.command.LoggerService", "xray.app.proxyman.command.HandlerService",
                "xray.app.router.command.RoutingService", "xray.app.stats.command.StatsService",
            ])
    }

    @Test func anUnknownSymbolIsAnsweredAsByTheOriginal() async throws {
        let answer = try #require(try await ask([.with { $0.fileContainingSymbol = "no.such" }]).first)
        let bytes: [UInt8] = try answer.serializedBytes()
        #expect(
            RunningServer.hex(ByteBuffer(bytes: bytes))
                == "120922076e6f2e737563683a150805121170726f746f3ac2a06e6f7420666f756e64")
    }

    @Test(arguments: ["xray.app.stats.command.StatsService", "xray.app.stats.command.StatsService.GetStats"])
    func aServiceComesWithTheFilesThatItNeeds(symbol: String) async throws {
        let answer = try #require(try await ask([.with { $0.fileContainingSymbol = symbol }]).first)
        let files = try files(answer)
        #expect(files.first?.service.first?.name == "StatsService")
        let names = Set(files.map(\.name))
        #expect(files.allSatisfy { names.isSuperset(of: $0.dependency) })
    }

    @Test func aliasesAreDescribed() async throws {
        let symbol = "v2ray.core.app.proxyman.command.HandlerService"
        let answers = try await ask([
            .with { $0.fileContainingSymbol = symbol }, .with { $0.fileContainingSymbol = symbol + ".AddInbound" },
            .with { $0.fileContainingSymbol = symbol + ".Nope" },
        ])
        let files = try files(answers[0])
        let file = try #require(files.first)
        #expect(file.package == "v2ray.core.app.proxyman.command")
        #expect(file.service.first?.method.count == 10)
        #expect(file.service.first?.method.first?.inputType == ".xray.app.proxyman.command.AddInboundRequest")
        #expect(Set(files.map(\.name)).isSuperset(of: file.dependency))
        #expect(try self.files(answers[1]).first == file)
        #expect(answers[2].errorResponse.errorCode == 5)
    }

    @Test func aFileThatWasSentIsNotSentAgainUnlessAskedFor() async throws {
        let answers = try await ask([
            .with { $0.fileContainingSymbol = "xray.core.InboundHandlerConfig" },
            .with { $0.fileContainingSymbol = "xray.app.proxyman.command.HandlerService" },
            .with { $0.fileContainingSymbol = "xray.core.InboundHandlerConfig" },
        ])
        let first = Set(try files(answers[0]).map(\.name))
        let second = Set(try files(answers[1]).map(\.name))
        #expect(first.isDisjoint(with: second))
        #expect(try files(answers[2]).map(\.name) == [try files(answers[0]).first?.name])
    }

    @Test func filesAreFoundByNameAndEveryOneOfThemCanBeRead() async throws {
        for file in DescriptorPool.shared.files {
            let answer = try #require(try await ask([.with { $0.fileByFilename = file.name }]).first)
            let first = try #require(try files(answer).first)
            #expect(first.name == file.name)
        }
        let missing = try #require(try await ask([.with { $0.fileByFilename = "no/such.proto" }]).first)
        #expect(missing.errorResponse.errorCode == 5)
    }

    @Test func thereAreNoExtensions() async throws {
        let answers = try await ask([
            .with { $0.allExtensionNumbersOfType = "xray.common.protocol.User" },
            .with { $0.allExtensionNumbersOfType = "no.such" },
            .with { $0.fileContainingExtension = .with { $0.containingType = "xray.common.protocol.User" } },
        ])
        #expect(answers[0].allExtensionNumbersResponse.baseTypeName == "xray.common.protocol.User")
        #expect(answers[1].errorResponse.errorCode == 5)
        #expect(answers[2].errorResponse.errorCode == 5)
    }

    @Test func aRequestOfNoKindEndsTheCall() async throws {
        let status = await #expect(throws: GRPCStatus.self) { try await ask([.init()]) }
        #expect(status?.code == .invalidArgument)
    }
}
