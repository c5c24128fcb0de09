// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import ProxyCore
import ProxyModel
import SwiftProtobuf
import Synchronization
import Testing
import XrayProtos

@testable import ProxyProtocols

struct VMessHandshakeTests {
    private static func account(_ id: String) -> Xray_Proxy_Vmess_Account {
        var account = Xray_Proxy_Vmess_Account()
        account.id = id
        return account
    }

    /// A server that knows the vectors' user among others.
    private func server(at time: Int64) throws -> VMessServer {
        let users = VMessUsers()
        for (email, id) in [("x", "first"), ("a@b", VMessVector.user), ("y", "last")] {
            try users.add(user(email, Self.account(id)))
        }
        return VMessServer(users: users, now: { time })
    }

    @Test(arguments: VMessVector.all)
    func readsWhatOtherProgramsSend(vector: VMessVector) throws {
        let request = bytes(vector.clientToServer)
        for piece in [Int.max, 1, 7] {
            let outcome = run(VMessHandshake(server: try server(at: vector.time)), request, piece: piece)
            switch outcome.result {
            case .stream(let target, let user, let header, _), .packets(let target, let user, let header):
                #expect(target == vector.target)
                #expect(user == "a@b")
                #expect(vector.serverToClient.hasPrefix(header) && header.count == 2 * 38)
            default: Issue.record("\(outcome)")
            }
        }
    }

    @Test(arguments: VMessVector.all.filter { !$0.isDatagrams })
    func opensTheirStreamsInAnyPieces(vector: VMessVector) throws {
        for piece in [Int.max, 1, 5] {
            var handshake = VMessHandshake(server: try server(at: vector.time))
            var input = buffer(vector.clientToServer)
            guard case .stream(let request) = handshake.receive(&input), let codec = request.codec else {
                Issue.record("no stream")
                return
            }
            var rest = Array(input.readableBytesView)[...]
            var received = ByteBuffer()
            var payload = ""
            while !rest.isEmpty {
                received.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
                while let part = try codec.decode(&received) { payload += hex(part) }
            }
            #expect(payload == vector.uplink.joined())
            #expect(codec.sawEnd)
        }
    }

    @Test(arguments: VMessVector.all.filter(\.isDatagrams))
    func opensTheirDatagrams(vector: VMessVector) throws {
        var handshake = VMessHandshake(server: try server(at: vector.time))
        var input = buffer(vector.clientToServer)
        guard case .packets(let request) = handshake.receive(&input) else {
            Issue.record("no packets")
            return
        }
        var payloads: [String] = []
        while let packet = try request.codec.decode(&input, defaultTarget: request.target) {
            #expect(packet.peer == request.target)
            payloads.append(hex(packet.payload))
        }
        #expect(payloads == vector.uplink)
    }

    @Test(arguments: VMessVector.all)
    func opensTheAnswersOfOtherServers(vector: VMessVector) throws {
        var chunks = try body(vector).downlink
        var answer = buffer(vector.serverToClient)
        answer.moveReaderIndex(forwardBy: 38)
        var payload = ""
        while let part = try chunks.read(&answer) { payload += hex(part) }
        #expect(bytes(payload) == bytes(vector.downlink.joined()))
    }

    @Test(arguments: VMessVector.all)
    func whatItWritesCanBeRead(vector: VMessVector) throws {
        let body = try body(vector)
        let codec = VMessCodec(server: body)
        var generator = SplitMix(state: 4)
        let payload = (0..<40_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var written = codec.encode(ByteBuffer(bytes: payload), allocator: .init())
        if var end = codec.finish(allocator: .init()) { written.writeBuffer(&end) }
        var reader = body.downlink
        var read: [UInt8] = []
        while let part = try reader.read(&written) {
            #expect(part.readableBytes <= VMessChunks.payloadLimit)
            read += part.readableBytesView
        }
        #expect(read == payload)
        #expect(reader.sawEnd)
    }

    private func body(_ vector: VMessVector) throws -> VMessBody {
        try #require(VMessBody(vector.opened().request))
    }

    @Test func everyTruncationNeedsMore() throws {
        let vector = try #require(VMessVector.all.first)
        let end = 16 + 18 + 8 + 54 + 16
        for length in 0..<end {
            let request = Array(bytes(vector.clientToServer).prefix(length))
            #expect(run(VMessHandshake(server: try server(at: vector.time)), request).result == .needMore)
        }
    }

    @Test func aRequestIsServedOnceAndOnlyInItsTime() throws {
        let vector = try #require(VMessVector.all.first)
        let request = bytes(vector.clientToServer)
        let server = try server(at: vector.time + 120)
        guard case .stream = run(VMessHandshake(server: server), request).result else {
            Issue.record("refused")
            return
        }
        #expect(
            run(VMessHandshake(server: server), request).result == .reject(reason: "replayed request", reply: ""))
        for offset: Int64 in [-121, 121] {
            let outcome = run(VMessHandshake(server: try self.server(at: vector.time + offset)), request)
            #expect(outcome.result == .reject(reason: "wrong time", reply: ""))
        }
    }

    @Test func aReplayIsRefusedForAsLongAsItsTimeIsRight() throws {
        let vector = try #require(VMessVector.all.first)
        let users = VMessUsers()
        try users.add(user("a@b", Self.account(VMessVector.user)))
        let time = Mutex(vector.time - 120)
        let server = VMessServer(users: users, now: { time.withLock { $0 } })
        let request = bytes(vector.clientToServer)
        if case .reject(let reason, _) = run(VMessHandshake(server: server), request).result {
            Issue.record("refused: \(reason)")
        }
        for later in [vector.time, vector.time + 120] {
            time.withLock { $0 = later }
            #expect(
                run(VMessHandshake(server: server), request).result == .reject(reason: "replayed request", reply: ""))
        }
    }

    @Test func whatIsNotGenuineIsReadOnBeforeClosing() throws {
        let vector = try #require(VMessVector.all.first)
        let server = try server(at: vector.time)
        var garbage = ByteBuffer(repeating: 7, count: 20)
        var handshake = VMessHandshake(server: server)
        guard case .reject(let rejection) = handshake.receive(&garbage) else {
            Issue.record("served")
            return
        }
        #expect(rejection.reason == "unknown user")
        #expect((34..<54 + 3266 + 64).contains(rejection.drain))
        // A header whose tag is wrong.
        var request = bytes(vector.clientToServer)
        request[60] ^= 1
        var input = ByteBuffer(bytes: request)
        handshake = VMessHandshake(server: server)
        guard case .reject(let second) = handshake.receive(&input) else {
            Issue.record("served")
            return
        }
        #expect(second.reason == "bad header")
    }

    @Test func garbageOfOneSourceUsesUpWhatIsSpentOnIt() throws {
        let vector = try #require(VMessVector.all.first)
        let users = VMessUsers()
        for number in 0..<180 { try users.add(user("user\(number)", Self.account("user \(number)"))) }
        try users.add(user("a@b", Self.account(VMessVector.user)))
        let limits = SearchBudget.Limits(perSecond: 10, atOnce: 100, perSecondOfSource: 1, atOnceOfSource: 10)
        let budget = SearchBudget(limits, now: { .uptimeNanoseconds(0) })
        let server = VMessServer(users: users, budget: budget, now: { vector.time })
        let (hostile, other) = (IPAddress.v4(0xc000_0201), IPAddress.v4(0xc000_0202))
        var reasons: [String: Int] = [:]
        for number in 0..<20 {
            var garbage = ByteBuffer(repeating: UInt8(number), count: 20)
            var handshake = VMessHandshake(server: server, source: hostile)
            guard case .reject(let rejection) = handshake.receive(&garbage) else {
                Issue.record("served")
                return
            }
            #expect(rejection.drain > 0)
            reasons[rejection.reason, default: 0] += 1
        }
        #expect(reasons == ["unknown user": 5, "too many requests of unknown users": 15])
        guard case .stream = run(VMessHandshake(server: server, source: other), bytes(vector.clientToServer)).result
        else {
            Issue.record("another source was refused")
            return
        }
    }

    @Test func whoeverWasServedIsKnownBesideGarbageFromTheSameAddress() throws {
        let vectors = VMessVector.all.filter { !$0.isDatagrams }
        let users = VMessUsers()
        try users.add(user("a@b", Self.account(VMessVector.user)))
        let budget = SearchBudget(
            SearchBudget.Limits(perSecond: 1, atOnce: 10, perSecondOfSource: 1, atOnceOfSource: 1),
            now: { .uptimeNanoseconds(0) })
        let time = Mutex(vectors[0].time)
        let server = VMessServer(users: users, budget: budget, now: { time.withLock { $0 } })
        let shared = IPAddress.v4(0xc000_0201)
        for (index, vector) in vectors.enumerated() {
            time.withLock { $0 = vector.time }
            if case .reject(let reason, _) =
                run(VMessHandshake(server: server, source: shared), bytes(vector.clientToServer)).result
            {
                Issue.record("\(index) refused: \(reason)")
            }
            var garbage = ByteBuffer(repeating: 7, count: 20)
            var handshake = VMessHandshake(server: server, source: shared)
            guard case .reject = handshake.receive(&garbage) else {
                Issue.record("served")
                return
            }
        }
    }

    @Test func muxIsAskedForByItsCommand() throws {
        let outcome = run(VMessHandshake(server: try server(at: VMessVector.all[0].time)), bytes(VMessVector.mux))
        guard case .stream("tcp:v1.mux.cool:9527", _, _, 0) = outcome.result else {
            Issue.record("\(outcome.result)")
            return
        }
    }

    @Test func removedUsersAreRefused() throws {
        let server = try server(at: VMessVector.all[0].time)
        try server.users.remove(email: "A@b")
        #expect(
            run(VMessHandshake(server: server), bytes(VMessVector.all[0].clientToServer)).result
                == .reject(reason: "unknown user", reply: ""))
    }

    @Test func randomHeadersNeverTrap() {
        var generator = SplitMix(state: 5)
        for _ in 0..<3000 {
            _ = try? VMessRequest(ByteBuffer(bytes: generator.bytes(upTo: 120)))
        }
    }

    @Test func aDamagedChunkEndsTheConnection() throws {
        var chunks = try body(VMessVector.all[0]).uplink
        var input = ByteBuffer(bytes: [0, 20] + Array(repeating: 1, count: 20))
        #expect(throws: ProtocolError.self) { try chunks.read(&input) }
        chunks = try body(VMessVector.all[0]).uplink
        var short = ByteBuffer(bytes: [0, 3, 1, 1, 1])
        #expect(throws: ProtocolError.self) { try chunks.read(&short) }
    }
}
