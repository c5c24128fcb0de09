// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing
import XrayProtos

/// A client that writes mux frames by hand, in a VLESS connection.
private final class MuxClient {
    private let socket: TCPClient
    private var received = ByteBuffer()
    private var sawHeader = false

    init(_ port: UInt16, as user: UUID = CoreStage.alice, timeout: Int = 10) throws {
        socket = try TCPClient(port: port, timeout: timeout)
        let id = withUnsafeBytes(of: user.uuid) { Array($0) }
        try socket.send([0] + id + [0, 3])
    }

    func send(_ frame: MuxFrame) throws {
        var bytes = ByteBuffer()
        frame.writeHead(to: &bytes)
        if let data = frame.data { bytes.writeImmutableBuffer(data) }
        try socket.send(Array(bytes.readableBytesView))
    }

    func send(raw bytes: [UInt8]) throws { try socket.send(bytes) }

    /// The next frame; nil at the end of the connection.
    func next() throws -> MuxFrame? {
        while true {
            if sawHeader || received.readSlice(length: 2) != nil {
                sawHeader = true
                if let frame = try MuxFrame.read(&received) { return frame }
            }
            let more = try socket.receive()
            guard !more.isEmpty else { return nil }
            received.writeBytes(more)
        }
    }

    static func target(_ network: Network, _ port: UInt16) -> Destination {
        Destination(network: network, address: .ip(.loopbackV4), port: port)
    }
}

@Suite(.serialized) struct MuxServerTests {
    private func stage(_ log: LogLines? = nil) async throws -> CoreStage {
        try await CoreStage(log: log?.log) { _ in try CoreStage.vless([(CoreStage.alice, "alice@example.com")]) }
    }

    private func text(_ frame: MuxFrame?) -> String? { frame?.data.map { String(buffer: $0) } }

    @Test func streamsAndDatagramsShareAConnection() async throws {
        let log = try LogLines()
        let stage = try await stage(log)
        let (first, second) = (try UDPSocket(), try UDPSocket())
        first.echoInBackground()
        second.echoInBackground()
        let target = stage.server.port
        let client = try MuxClient(stage.port)
        try await offPool {
            let request = ByteBuffer(bytes: CoreStage.request(up: 8, down: 5))
            try client.send(MuxFrame(id: 1, status: .new, peer: MuxClient.target(.tcp, target), data: request))
            #expect(text(try client.next()) == "ddddd")
            try client.send(MuxFrame(id: 1, status: .keepAlive))
            try client.send(MuxFrame(id: 1, status: .keep, data: request))
            let again = try client.next()
            #expect(again?.id == 1 && text(again) == "ddddd")
            let udp = MuxClient.target(.udp, first.port)
            try client.send(MuxFrame(id: 2, status: .new, peer: udp, data: ByteBuffer(string: "one")))
            let answer = try client.next()
            #expect(answer?.id == 2 && answer?.status == .keep && answer?.peer == udp && text(answer) == "one")
            let other = MuxClient.target(.udp, second.port)
            try client.send(MuxFrame(id: 2, status: .keep, peer: other, data: ByteBuffer(string: "two")))
            let far = try client.next()
            #expect(far?.peer == other && text(far) == "two", "the datagram went where it was addressed to")
            try client.send(MuxFrame(id: 2, status: .end))
            try client.send(MuxFrame(id: 1, status: .end))
        }
        #expect(log.text.contains("from tcp:127.0.0.1:"), "sub-streams name their network in the access log")
        #expect(log.text.contains("email: alice@example.com"))
        #expect(stage.core.counterValue(named: "user>>>alice@example.com>>>traffic>>>downlink") == 16)
        await stage.stop()
    }

    @Test func targetThatCannotBeReachedEndsItsSessionOnly() async throws {
        let stage = try await stage()
        let dead = try TCPClient.freePort()
        let target = stage.server.port
        let client = try MuxClient(stage.port)
        try await offPool {
            try client.send(MuxFrame(id: 1, status: .new, peer: MuxClient.target(.tcp, dead)))
            let end = try client.next()
            #expect(end?.id == 1 && end?.status == .end && end?.isError == true)
            let request = ByteBuffer(bytes: CoreStage.request(up: 8, down: 1))
            try client.send(MuxFrame(id: 2, status: .new, peer: MuxClient.target(.tcp, target), data: request))
            #expect(text(try client.next()) == "d")
        }
        await stage.stop()
    }

    @Test func endOfTheTargetsStreamEndsTheSession() async throws {
        let stage = try await stage()
        let target = stage.server.port
        let client = try MuxClient(stage.port)
        try await offPool {
            // The server closes at a request that is too short.
            let request = ByteBuffer(bytes: CoreStage.request(up: 0, down: 0))
            try client.send(MuxFrame(id: 9, status: .new, peer: MuxClient.target(.tcp, target), data: request))
            let end = try client.next()
            #expect(end?.id == 9 && end?.status == .end && end?.isError == false)
        }
        await stage.stop()
    }

    @Test func dataForAnUnknownSessionAreAnsweredWithItsEnd() async throws {
        let stage = try await stage()
        let client = try MuxClient(stage.port)
        try await offPool {
            try client.send(MuxFrame(id: 3, status: .end))
            try client.send(MuxFrame(id: 5, status: .keep, data: ByteBuffer(string: "lost")))
            let end = try client.next()
            #expect(end == MuxFrame(id: 5, status: .end))
        }
        await stage.stop()
    }

    @Test(
        arguments: [[0x02, 0x01, 0, 1, 2, 0], [0, 3, 0, 1, 2], [0, 4, 0, 1, 9, 0], [0, 4, 0, 1, 1, 0]] as [[UInt8]])
    func bytesThatAreNoFrameEndTheConnection(bytes: [UInt8]) async throws {
        let log = try LogLines()
        let stage = try await stage(log)
        let client = try MuxClient(stage.port)
        #expect(
            try await offPool {
                try client.send(raw: bytes); return try client.next()
            } == nil)
        #expect(log.text.contains("proxy/vless: mux connection from 127.0.0.1:"))
        #expect(await stage.core.flowCount() == 0)
        await stage.stop()
    }

    @Test func endOfASessionByTheClientEndsWhatItsTargetSends() async throws {
        var policy = Xray_App_Policy_Policy()
        policy.timeout.downlinkOnly.value = 1_000
        let stage = try await CoreStage(policy: policy) { _ in
            try CoreStage.vless([(CoreStage.alice, "alice@example.com")])
        }
        // Sends for as long as somebody takes it, and begins when the other direction has ended.
        let source = try TCPListener.concurrent { connection in
            var part = [UInt8](repeating: 0, count: 4096)
            while recv(connection, &part, part.count, 0) > 0 {}
            while Glibc.send(connection, part, part.count, Int32(MSG_NOSIGNAL)) > 0 {}
        }
        let client = try MuxClient(stage.port)
        try await offPool {
            try client.send(MuxFrame(id: 1, status: .new, peer: MuxClient.target(.tcp, source.port)))
            try client.send(MuxFrame(id: 1, status: .end))
            #expect(try client.next() == MuxFrame(id: 1, status: .end))
        }
        try await eventually { await stage.core.flowCount() == 1 }
        let target = stage.server.port
        try await offPool {
            let request = ByteBuffer(bytes: CoreStage.request(up: 8, down: 5))
            try client.send(MuxFrame(id: 2, status: .new, peer: MuxClient.target(.tcp, target), data: request))
            #expect(try client.next()?.id == 2, "nothing was sent for a session that is over")
        }
        source.stop()
        await stage.stop()
    }

    @Test func clientsEndOfASessionLosesNothingThatItSentBefore() async throws {
        let stage = try await stage()
        let received = Mutex(0)
        // Answers each read, so that there is always something on its way to a client that is gone.
        let sink = try TCPListener.concurrent { connection in
            var part = [UInt8](repeating: 0, count: 65_536)
            while case let count = recv(connection, &part, part.count, 0), count > 0 {
                received.withLock { $0 += count }
                _ = Glibc.send(connection, part, 1, Int32(MSG_NOSIGNAL))
            }
        }
        let client = try MuxClient(stage.port)
        try await offPool {
            try client.send(MuxFrame(id: 1, status: .new, peer: MuxClient.target(.tcp, sink.port)))
            for _ in 0..<500 {
                try client.send(MuxFrame(id: 1, status: .keep, data: ByteBuffer(repeating: 1, count: 8_000)))
            }
            try client.send(MuxFrame(id: 1, status: .end))
        }
        try await eventually { received.withLock { $0 } == 4_000_000 }
        sink.stop()
        await stage.stop()
    }

    @Test func aSessionIsOpenedOnceAndTakesNoDataOfAnother() async throws {
        let stage = try await stage()
        let received = Mutex("")
        let target = try TCPListener.concurrent { connection in
            var part = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(connection, &part, part.count, 0), count > 0 {
                received.withLock { $0 += String(decoding: part[..<count], as: UTF8.self) }
            }
        }
        let client = try MuxClient(stage.port)
        let peer = MuxClient.target(.tcp, target.port)
        try await offPool {
            try client.send(MuxFrame(id: 1, status: .new, peer: peer, data: ByteBuffer(string: "one ")))
            try client.send(MuxFrame(id: 1, status: .new, peer: peer, data: ByteBuffer(string: "another ")))
            let refusal = try client.next()
            #expect(refusal?.id == 1 && refusal?.status == .end && refusal?.isError == true)
            try client.send(MuxFrame(id: 1, status: .keep, data: ByteBuffer(string: "and on")))
        }
        try await eventually { received.withLock { $0.hasSuffix("on") } }
        #expect(received.withLock { $0 } == "one and on")
        target.stop()
        await stage.stop()
    }

    @Test func clientThatTakesNoAnswersIsNotAnsweredForEver() async throws {
        let log = try LogLines()
        let stage = try await stage(log)
        let client = try MuxClient(stage.port)
        let frames = (0..<2_000).flatMap { _ in [0, 4, 0, 5, 2, 0] as [UInt8] }
        let sent = try await offPool {
            var sent = 0
            while sent < 48 << 20, (try? client.send(raw: frames)) != nil { sent += frames.count }
            return sent
        }
        #expect(sent < 48 << 20)
        try await eventually { log.text.contains("mux connection from 127.0.0.1:") }
        await stage.stop()
    }

    @Test func muxInsideOfMuxIsRefused() async throws {
        let stage = try await stage()
        let client = try MuxClient(stage.port)
        let end = try await offPool {
            try client.send(MuxFrame(id: 1, status: .new, peer: .mux))
            return try client.next()
        }
        #expect(end?.status == .end && end?.isError == true)
        await stage.stop()
    }

    @Test func sessionWhoseReaderIsSlowHoldsTheConnectionBackAndIsNotBuffered() async throws {
        let stage = try await stage()
        // Accepts, and reads nothing.
        let sink = try SilentServer()
        let client = try MuxClient(stage.port, timeout: 1)
        let sent = try await offPool {
            try client.send(MuxFrame(id: 1, status: .new, peer: MuxClient.target(.tcp, sink.port)))
            let data = ByteBuffer(repeating: 1, count: 8_000)
            var sent = 0
            do {
                while sent < 64 << 20 {
                    try client.send(MuxFrame(id: 1, status: .keep, data: data))
                    sent += 8_000
                }
            } catch {}
            return sent
        }
        #expect(sent < 64 << 20, "the client was held back")
        sink.stop()
        await stage.stop()
    }

    @Test func sourceThatComesBackFindsItsSocket() async throws {
        let stage = try await stage()
        let far = try UDPSocket()
        let target = MuxClient.target(.udp, far.port)
        var opened = MuxFrame(id: 1, status: .new, peer: target, data: ByteBuffer(string: "q"))
        opened.globalID = 42
        let client = try MuxClient(stage.port)
        let ports = try await offPool { [opened] in
            try client.send(opened)
            let first = try far.receive().port
            try client.send(MuxFrame(id: 1, status: .end))
            var again = opened
            again.id = 2
            try client.send(again)
            let second = try far.receive().port
            try far.send([1], to: second)
            var answer = try client.next()
            if answer?.status == .end { answer = try client.next() }
            #expect(answer?.id == 2, "answers go to the session that has the source now")
            return (first, second)
        }
        #expect(ports.0 == ports.1)
        await stage.stop()
    }

    @Test func sourceThatComesBackOnAnyConnectionFindsItsSocket() async throws {
        let stage = try await stage()
        let far = try UDPSocket()
        let target = MuxClient.target(.udp, far.port)
        let ports = try await offPool {
            var ports: Set<UInt16> = []
            // The kernel spreads the connections over the event loops.
            for number in 0..<16 {
                let client = try MuxClient(stage.port)
                var opened = MuxFrame(id: 1, status: .new, peer: target, data: ByteBuffer(string: "\(number)"))
                opened.globalID = 42
                try client.send(opened)
                let port = try far.receive().port
                ports.insert(port)
                for _ in 0..<3 {
                    try far.send([UInt8(number)], to: port)
                    let answer = try client.next()
                    guard answer?.status == .keep, answer?.data == ByteBuffer(bytes: [UInt8(number)]) else {
                        throw Failure("\(number): \(String(describing: answer))")
                    }
                }
                // Some end their session, and some their connection; some leave it open, and lose it.
                if number % 3 == 0 { try client.send(MuxFrame(id: 1, status: .end)) }
            }
            return ports
        }
        #expect(ports.count == 1)
        #expect(await stage.core.flowCount() >= 1)
        await stage.stop()
    }

    @Test func sourceOfAUserWhoIsBackReachesNewTargets() async throws {
        let stage = try await stage()
        let (first, second) = (try UDPSocket(), try UDPSocket())
        var opened = MuxFrame(
            id: 1, status: .new, peer: MuxClient.target(.udp, first.port), data: ByteBuffer(string: "q"))
        opened.globalID = 42
        let client = try MuxClient(stage.port)
        try await offPool { [opened] in
            try client.send(opened)
            _ = try first.receive()
        }
        var removal = Xray_App_Proxyman_Command_RemoveUserOperation()
        removal.email = "alice@example.com"
        var addition = Xray_App_Proxyman_Command_AddUserOperation()
        addition.user = try CoreStage.user(CoreStage.alice, "alice@example.com")
        for operation in [removal, addition] as [any SwiftProtobuf.Message] {
            var request = Xray_App_Proxyman_Command_AlterInboundRequest()
            request.tag = "in"
            request.operation = try TypedMessages.pack(operation)
            _ = try stage.core.alterInbound(request, by: .console)
        }
        opened.peer = MuxClient.target(.udp, second.port)
        try await offPool { [opened] in
            let again = try MuxClient(stage.port)
            try again.send(opened)
            _ = try second.receive()
        }
        await stage.stop()
    }

    @Test func sourcesOfTwoUsersDoNotMeet() async throws {
        let other = UUID()
        let stage = try await CoreStage { _ in
            try CoreStage.vless([(CoreStage.alice, "alice@example.com"), (other, "bob@example.com")])
        }
        let far = try UDPSocket()
        var opened = MuxFrame(
            id: 1, status: .new, peer: MuxClient.target(.udp, far.port), data: ByteBuffer(string: "q"))
        opened.globalID = 42
        let ports = try await offPool { [opened] in
            try [CoreStage.alice, other].map { user in
                let client = try MuxClient(stage.port, as: user)
                try client.send(opened)
                let port = try far.receive().port
                try far.send([1], to: port)
                #expect(try client.next()?.data == ByteBuffer(bytes: [1]))
                return port
            }
        }
        #expect(ports[0] != ports[1])
        await stage.stop()
    }
}
