// SPDX-License-Identifier: Apache-2.0
import ControlServer
import GRPCWire
import NIOCore
import SwiftProtobuf
import Testing
import XrayProtos

struct HealthServiceTests {
    private let check = "grpc.health.v1.Health/Check"

    @Test func theServerAndItsServicesAreServing() async throws {
        try await RunningServer.run { running in
            for name in ["", "xray.app.stats.command.StatsService", "v2ray.core.app.log.command.LoggerService"] {
                let request = Grpc_Health_V1_HealthCheckRequest.with { $0.service = name }
                let bytes: [UInt8] = try request.serializedBytes()
                let answer = try await running.client.unary("/\(check)", ByteBuffer(bytes: bytes))
                #expect(RunningServer.hex(answer) == "0801")
            }
            #expect(await running.failure(check, "0a0161") == GRPCStatus(.notFound, "unknown service"))
        }
    }

    @Test func aWatcherIsToldWhenTheServerStops() async throws {
        try await RunningServer.run { running in
            let stream = running.client.serverStreaming("/grpc.health.v1.Health/Watch", ByteBuffer())
            var answers: [String] = [try #require(try await stream.next().map(RunningServer.hex))]
            async let stopped: Void = running.server.stop(grace: .seconds(5))
            while let answer = try await stream.next() { answers.append(RunningServer.hex(answer)) }
            await stopped
            #expect(answers == ["0801", "0802"])
        }
    }
}
