// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import SwiftProtobuf
import Synchronization
import Testing
import XrayProtos

struct GuardedControlPlaneTests {
    private func perform(_ operation: ControlOperation, on plane: any ControlPlane) async throws {
        switch operation.body {
        case .immediate(let body): _ = try body(plane, ByteBuffer(), .console)
        case .deferred(let body): _ = try await body(plane, ByteBuffer(), .console)
        case .serverStream(let body): for try await _ in try body(plane, ByteBuffer(), .console) { break }
        }
    }

    private func name(_ operation: ControlOperation) -> String {
        "\(operation.service.name.replacing("Service", with: "").lowercased()).\(operation.method)"
    }

    @Test(arguments: ControlOperations.all.filter(\.isChange).map(\.path))
    func aReadOnlyPlaneRefusesEveryChangeByItsName(path: String) async throws {
        let operation = try #require(ControlOperations.operation(path: path))
        let plane = MemoryPlane()
        let refused = await #expect(throws: ControlError.self) {
            try await perform(operation, on: GuardedControlPlane.readOnly(plane))
        }
        #expect(refused?.code == .refused)
        #expect(refused?.message == "\(name(operation)): refused, this session is read-only")
        #expect(plane.seenCallers.isEmpty)
    }

    @Test(arguments: ControlOperations.all.filter(\.isChange).map(\.path))
    func aPretendedChangeIsAnsweredAndNotMade(path: String) async throws {
        let operation = try #require(ControlOperations.operation(path: path))
        let plane = MemoryPlane()
        let seen = Mutex<[String]>([])
        let guarded = GuardedControlPlane(plane) { change in
            seen.withLock { $0.append(change.name) }
            return .pretend
        }
        try await perform(operation, on: guarded)
        #expect(seen.withLock { $0 } == [name(operation)])
        #expect(plane.seenCallers.isEmpty)
    }

    @Test func aResetIsAChangeAndALookIsNot() async throws {
        let plane = MemoryPlane(counters: ["a": 5])
        let guarded = GuardedControlPlane.readOnly(plane)
        #expect(try guarded.getStats(.with { $0.name = "a" }).stat.value == 5)
        let refused = #expect(throws: ControlError.self) {
            try guarded.getStats(
                .with {
                    $0.name = "a"
                    $0.reset = true
                })
        }
        #expect(refused?.message.hasPrefix("stats.GetStats: ") == true)
        let pretending = GuardedControlPlane(plane) { _ in .pretend }
        for _ in 1...2 {
            let answer = try pretending.getStats(
                .with {
                    $0.name = "a"
                    $0.reset = true
                })
            #expect(answer.stat.value == 5, "it is read, and stays")
        }
    }
}
