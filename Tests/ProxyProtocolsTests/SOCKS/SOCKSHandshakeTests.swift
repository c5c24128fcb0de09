// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct SOCKSHandshakeTests {
    private let users: PasswordUsers

    init() throws {
        users = try .socks(["u": "p"], level: 3)
    }

    private func open() -> any StreamHandshake {
        MixedHandshake(settings: SOCKSSettings(servesDatagrams: true), local: connection.local)
    }

    private func closed() -> any StreamHandshake {
        MixedHandshake(settings: SOCKSSettings(users: users), local: connection.local)
    }

    @Test func connectWithoutAuthentication() {
        let outcome = runInPieces(open, bytes("050100 050100017f0000015209 70696e67"))
        #expect(outcome.replies == ["0500", "050000017f0000015219"])
        #expect(outcome.result == .stream(target: "tcp:127.0.0.1:21001", user: nil, header: "", route: 0))
        #expect(outcome.payload == "70696e67")
        expectEveryTruncationNeedsMore(open, bytes("050100 050100017f0000015209"))
    }

    @Test func connectWithUserAndPassword() {
        let request = bytes("05020002 0101750170 05010003096c6f63616c686f73745209")
        let outcome = runInPieces(closed, request + [0x70])
        #expect(outcome.replies == ["0502", "0100", "050000017f0000015219"])
        #expect(outcome.result == .stream(target: "tcp:localhost:21001", user: "u", header: "", route: 0))
        #expect(outcome.payload == "70")
        expectEveryTruncationNeedsMore(closed, request)
    }

    @Test func theReplyNamesAnIPv6ListenerInFull() {
        let local = Endpoint(ip: .loopbackV6, port: 0x5219)
        let outcome = run(
            MixedHandshake(settings: SOCKSSettings(), local: local),
            bytes("050100 050100 04 20010db8000000000000000000000001 0050"))
        #expect(outcome.replies.last == "05000004000000000000000000000000000000015219")
        #expect(outcome.result == .stream(target: "tcp:[2001:db8::1]:80", user: nil, header: "", route: 0))
    }

    @Test(arguments: [
        ("050102 0101750178", ["0502"], "wrong password", "01ff"),
        ("050102 0101780170", ["0502"], "wrong password", "01ff"),
        ("050102 0100 0170", ["0502"], "wrong password", "01ff"),
        ("050100", [], "no acceptable method", "05ff"),
        ("0500", [], "no acceptable method", "05ff"),
        ("040152097f0000017573657200", [], "password required", "005b000000000000"),
    ])
    func whoDoesNotNameAPasswordIsRefused(request: String, replies: [String], reason: String, reply: String) {
        let outcome = runInPieces(closed, bytes(request))
        #expect(outcome.replies == replies)
        #expect(outcome.result == .reject(reason: reason, reply: reply))
    }

    @Test(arguments: [
        ("050102", [], "no acceptable method", "05ff"),
        ("050100 050200017f0000015209", ["0500"], "unknown command", "05070001000000000000"),
        ("050100 0401", ["0500"], "unknown version", ""),
        ("050100 050100 02", ["0500"], "bad address", "05080001000000000000"),
        ("050100 050100 0300", ["0500"], "bad address", "05080001000000000000"),
        ("050100 050100 0302ff41 0050", ["0500"], "bad address", "05080001000000000000"),
        ("0402", [], "unknown command", "005b000000000000"),
        ("0401520900000001 757300 00", [], "bad address", "005b000000000000"),
        ("0401520900000001 00 612062 00", [], "bad address", "005b000000000000"),
    ])
    func refusesWhatItDoesNotServe(request: String, replies: [String], reason: String, reply: String) {
        let outcome = runInPieces(open, bytes(request))
        #expect(outcome.replies == replies)
        #expect(outcome.result == .reject(reason: reason, reply: reply))
    }

    @Test func aSOCKS4TextWithoutEndIsRefused() {
        let outcome = run(open(), bytes("040152097f000001") + Array(repeating: 0x61, count: 256), piece: 10)
        #expect(outcome.result == .reject(reason: "bad address", reply: "005b000000000000"))
    }

    @Test(arguments: [
        ("040152097f0000017573657200", "tcp:127.0.0.1:21001"),
        ("0401520900000001 7573657200 6c6f63616c686f737400", "tcp:localhost:21001"),
    ])
    func socks4AndSocks4a(request: String, target: String) {
        let outcome = runInPieces(open, bytes(request) + [0x70])
        #expect(outcome.replies == ["005a000000000000"])
        #expect(outcome.result == .stream(target: target, user: nil, header: "", route: 0))
        #expect(outcome.payload == "70")
        expectEveryTruncationNeedsMore(open, bytes(request))
    }

    @Test func associateIsServedWhereDatagramsAre() {
        let request = bytes("050100 05030001000000000000")
        #expect(
            runInPieces(open, request).result == .associate(user: nil, reply: "050000017f0000011234"))
        let refusing = MixedHandshake(settings: SOCKSSettings(), local: connection.local)
        #expect(
            run(refusing, request).result == .reject(reason: "unknown command", reply: "05070001000000000000"))
    }

    @Test func theConfiguredAddressIsAnnounced() {
        for (announced, reply) in [
            (Address("192.0.2.1"), "05000001c00002011234"), (Address("a.example"), "0500000309612e6578616d706c651234"),
        ] {
            let settings = SOCKSSettings(servesDatagrams: true, announced: announced)
            let outcome = run(
                MixedHandshake(settings: settings, local: connection.local), bytes("050100 05030001000000000000"))
            #expect(outcome.result == .associate(user: nil, reply: reply))
        }
    }

    @Test func anotherFirstByteIsHTTP() {
        let outcome = runInPieces(open, Array("CONNECT a.example:443 HTTP/1.1\r\n\r\nx".utf8))
        #expect(outcome.replies == [ascii("HTTP/1.1 200 Connection established\r\n\r\n")])
        #expect(outcome.result == .stream(target: "tcp:a.example:443", user: nil, header: "", route: 0))
        #expect(outcome.payload == "78")
    }

    @Test func randomBytesNeverTrap() {
        var generator = SplitMix(state: 2)
        for round in 0..<3000 {
            let start = ["050100 0501", "050100 050300", "04", "0401", "05", ""][round % 6]
            _ = run(open(), bytes(start) + generator.bytes(upTo: 300), piece: 60)
        }
    }
}
