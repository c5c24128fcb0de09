// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct SOCKSClientHandshakeTests {
    private let target = Destination(network: .tcp, address: .domain("example.com"), port: 443)
    private let account = SOCKSClientHandshake.Account(username: "u", password: "p")

    @Test func asksForAConnection() {
        let outcome = run(
            SOCKSClientHandshake(target: target, account: nil), answer: bytes("0500 050000017f0000011234 6869"))
        #expect(outcome.sent == ["050100", "050100030b6578616d706c652e636f6d01bb"])
        #expect(outcome.end == "done")
        #expect(outcome.payload == "6869")
    }

    @Test func namesUserAndPassword() {
        let outcome = run(
            SOCKSClientHandshake(target: target, account: account), answer: bytes("0502 0100 050000017f0000011234"))
        #expect(outcome.sent == ["050102", "0101750170", "050100030b6578616d706c652e636f6d01bb"])
        #expect(outcome.end == "done")
    }

    @Test(arguments: [
        ("05ff", "the server accepts no method of ours"), ("0500", "the server accepts no method of ours"),
        ("0402", "the server does not speak SOCKS5"), ("0502 01ff", "the server rejects the password"),
        ("0502 0100 0505", "the server refuses with code 5"),
        ("0502 0100 0400", "the server does not speak SOCKS5"),
        ("0502 0100 050000 02", "the server's reply has a bad address"), ("0502 0100 050000 01", "more"), ("", "more"),
    ])
    func failsWithAReason(answer: String, end: String) {
        #expect(run(SOCKSClientHandshake(target: target, account: account), answer: bytes(answer)).end == end)
    }

    @Test func ourServerUnderstandsIt() throws {
        let request = bytes("050102 0101750170 050100030b6578616d706c652e636f6d01bb")
        let settings = SOCKSSettings(users: try .socks(["u": "p"], level: 0))
        let outcome = run(MixedHandshake(settings: settings, local: connection.local), request)
        let sent = run(
            SOCKSClientHandshake(target: target, account: account), answer: bytes(outcome.replies.joined()))
        #expect(bytes(sent.sent.joined()) == request)
        #expect(sent.end == "done")
    }
}
