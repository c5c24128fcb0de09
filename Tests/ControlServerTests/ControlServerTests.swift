// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ControlServer
import GRPCWire
import NIOCore
import NIOPosix
import SwiftProtobuf
import Testing
import XrayProtos

struct ControlServerTests {
    private let stats = "xray.app.stats.command.StatsService"

    @Test func answersUnderItsOwnNameAndItsAlias() async throws {
        try await RunningServer.run(counters: ["a": 5]) { running in
            for service in [stats, "v2ray.core.app.stats.command.StatsService"] {
                let one = try await running.call("\(service)/GetStats", "0a0161")
                #expect(one == "0a050a01611005")
                let all = try await running.call("\(service)/QueryStats")
                #expect(all == "0a050a01611005")
            }
        }
    }

    @Test func unknownFieldsOfARequestAreIgnored() async throws {
        try await RunningServer.run { running in
            let status = await running.failure("\(stats)/GetStats", "0a036162634801")
            #expect(status == GRPCStatus(.notFound, "abc not found."))
        }
    }

    @Test(arguments: ["ff", "0a05616263", "0aff", "08", "0a0261ff80"])
    func aRequestThatIsNoMessageIsAnInternalError(hex: String) async throws {
        try await RunningServer.run { running in
            let text = "grpc: error unmarshalling request: proto:\u{a0}cannot parse invalid wire-format data"
            for method in ["GetStats", "QueryStats"] {
                #expect(await running.failure("\(stats)/\(method)", hex) == GRPCStatus(.internal, text))
            }
        }
    }

    @Test func whatIsNotThereIsUnimplemented() async throws {
        try await RunningServer.run(["statsservice", "HANDLERSERVICE", "NoSuchService"]) { running in
            #expect(
                await running.failure("\(stats)/Nope")
                    == GRPCStatus(.unimplemented, "unknown method Nope for service \(stats)"))
            for service in ["no.such.Service", "xray.app.router.command.RoutingService", "grpc.health.v1.Health"] {
                #expect(
                    await running.failure("\(service)/ListRule")
                        == GRPCStatus(.unimplemented, "unknown service \(service)"))
            }
        }
    }

    @Test func everyDescribedMethodHasAHandler() async throws {
        let own = DescriptorPool.shared.services.filter { $0.fullName.hasPrefix("grpc.") }
        let methods = (DescriptorPool.shared.controlServices + own).flatMap(\.methods)
        #expect(methods.count >= 33)
        try await RunningServer.run(RunningServer.everyName) { running in
            for method in methods where !method.serverStreaming {
                let status = await running.failure(String(method.path.dropFirst()))
                #expect(
                    status?.message.hasPrefix("unknown ") != true || status?.code != .unimplemented, "\(method.path)")
            }
            for method in methods where method.serverStreaming {
                let stream = running.client.serverStreaming(method.path, ByteBuffer(), timeout: .milliseconds(500))
                let status = await #expect(throws: GRPCStatus.self) { while try await stream.next() != nil {} }
                #expect(status?.code != .unimplemented, "\(method.path)")
            }
        }
    }

    @Test func errorsOfTheControlPlaneKeepTheirTextAndCode() async throws {
        try await RunningServer.run { running in
            let handler = "xray.app.proxyman.command.HandlerService"
            #expect(
                await running.failure("\(handler)/RemoveInbound")
                    == GRPCStatus(.unknown, "common: not enough information for making a decision"))
            #expect(
                await running.failure("\(handler)/AlterInbound") == GRPCStatus(.unimplemented, "not in this core"))
            #expect(
                await running.failure("xray.app.log.command.LoggerService/RestartLogger")
                    == GRPCStatus(.unavailable, "the core is shutting down"))
        }
    }

    @Test func changesAreToldWhoCalls() async throws {
        try await RunningServer.run { running in
            _ = try await running.call("xray.app.proxyman.command.HandlerService/RemoveOutbound")
            let caller = try #require(running.plane.seenCallers.first)
            #expect(caller.description.hasPrefix("api 127.0.0.1:"))
        }
    }

    @Test func streamsDeliverTheirMessagesOrTheirError() async throws {
        try await RunningServer.run { running in
            let client = try ControlClient(target: running.address, group: MultiThreadedEventLoopGroup.singleton)
            var tags: [String] = []
            let stream = try client.subscribeRoutingStats(.with { $0.fieldSelectors = ["count"] })
            for try await context in stream { tags.append(context.inboundTag) }
            #expect(tags == ["in-0", "in-1", "in-2"])
            let error = await #expect(throws: ControlError.self) {
                for try await _ in try client.subscribeRoutingStats(.init()) {}
            }
            #expect(error == ControlError("app/router/command: Routing statistics not enabled."))
            await client.close()
        }
    }

    @Test func theTypedClientSeesTheSameErrors() async throws {
        try await RunningServer.run(counters: ["a": 7]) { running in
            let client = try ControlClient(
                target: running.address, group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(300))
            #expect(try await client.getStats(.with { $0.name = "a" }).stat.value == 7)
            let error = await #expect(throws: ControlError.self) { try await client.getStats(.init()) }
            #expect(error == ControlError(code: .notFound, " not found."))
            await client.close()
        }
    }

    /// Legacy mode: the connection comes from somewhere else than a listener of the server.
    @Test func servesAChannelThatItIsHanded() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let plane = MemoryPlane(counters: ["a": 1])
        let server = ControlServer(plane: plane, selection: ServiceSelection(names: ["StatsService"]), group: group)
        let listener = try await ServerBootstrap(group: group)
            .childChannelInitializer { server.serve($0) }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let client = GRPCClient(address: .tcp(host: "127.0.0.1", port: port), group: group)
        let answer = try await client.unary("/\(stats)/GetStats", RunningServer.bytes("0a0161"))
        #expect(RunningServer.hex(answer) == "0a050a01611001")
        #expect(server.connectionCount == 1)
        await client.close()
        try await listener.close()
        await server.stop()
    }
}
