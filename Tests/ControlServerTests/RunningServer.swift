// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ControlServer
import Foundation
import GRPCWire
import NIOCore
import NIOPosix

/// A server on a loopback port and a client of it.
struct RunningServer {
    static let allNames = [
        "HandlerService", "RoutingService", "StatsService", "LoggerService", "ReflectionService", "HealthService",
    ]

    /// Every service that there is.
    static let everyName = ControlService.all.map(\.name) + ["ReflectionService", "HealthService"]

    let plane: MemoryPlane
    let server: ControlServer
    let client: GRPCClient
    let address: String

    static func run<Result>(
        _ names: [String] = allNames, counters: [String: Int64] = [:], _ body: (RunningServer) async throws -> Result
    ) async throws -> Result {
        let group = MultiThreadedEventLoopGroup.singleton
        let plane = MemoryPlane(counters: counters)
        let server = ControlServer(plane: plane, selection: ServiceSelection(names: names), group: group)
        let address = try await server.listen(on: "127.0.0.1:0")
        let client = GRPCClient(address: address, group: group)
        let running = RunningServer(plane: plane, server: server, client: client, address: "\(address)")
        do {
            let result = try await body(running)
            await client.close()
            await server.stop()
            return result
        } catch {
            await client.close()
            await server.stop()
            throw error
        }
    }

    /// The answer's bytes to a call with these bytes.
    func call(_ path: String, _ hex: String = "") async throws -> String {
        Self.hex(try await client.unary("/\(path)", Self.bytes(hex), timeout: .seconds(300)))
    }

    /// The status of a call that fails.
    func failure(_ path: String, _ hex: String = "") async -> GRPCStatus? {
        do {
            _ = try await client.unary("/\(path)", Self.bytes(hex), timeout: .seconds(300))
            return nil
        } catch {
            return error
        }
    }

    static func bytes(_ hex: String) -> ByteBuffer {
        let digits = hex.compactMap(\.hexDigitValue)
        return ByteBuffer(
            bytes: stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
    }

    static func hex(_ buffer: ByteBuffer) -> String {
        buffer.readableBytesView.map { String(format: "%02x", $0) }.joined()
    }
}
