// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct TrojanHandshakeTests {
    private static let key =
        "33383332623035643439323238343961643262363430656363343238396162323465643161333034656337323135656139373939396132300d0a"
    private let users = TrojanUsers.trojan()

    init() throws {
        try users.add(user("a@b", trojanAccount("trojan-password-1")))
    }

    private func make() -> any StreamHandshake { TrojanHandshake(users: users, door: FallbackDoor(nil, connection)) }

    @Test(arguments: [
        ("01017f00000100500d0a", "tcp:127.0.0.1:80"), ("01030b6578616d706c652e636f6d01bb0d0a", "tcp:example.com:443"),
        ("010420010db800000000000000000000000101bb0d0a", "tcp:[2001:db8::1]:443"),
        // Every command but 3, and any second line end, are taken as Xray takes them.
        ("02017f00000100500000", "tcp:127.0.0.1:80"),
    ])
    func readsAStreamRequestInAnyPieces(request: String, target: String) {
        let request = bytes(Self.key + request)
        let outcome = runInPieces(make, request + [0x68, 0x69])
        #expect(outcome.result == .stream(target: target, user: "a@b", header: "", route: 0))
        #expect(outcome.payload == "6869")
        expectEveryTruncationNeedsMore(make, request)
    }

    @Test func readsADatagramRequest() {
        let request = bytes(Self.key + "03010000000000000d0a 017f000001520a00030d0a6f6e65")
        let outcome = runInPieces(make, request)
        #expect(outcome.result == .packets(target: "udp:0.0.0.0:0", user: "a@b", header: ""))
        #expect(outcome.payload == "017f000001520a00030d0a6f6e65")
    }

    @Test func theRequestOfTheOutboundIsTheSame() throws {
        let target = Destination(network: .tcp, address: .ip(.loopbackV4), port: 80)
        let request = try #require(Trojan.request(key: TrojanKey(password: "trojan-password-1"), target: target))
        #expect(hex(request) == Self.key + "01017f00000100500d0a")
    }

    @Test(arguments: [
        (String(repeating: "41", count: 56), "unknown user"),
        ("\(key.uppercasedDigits)", "unknown user"),
        (String(key.dropLast(4)) + "0a", "bad header"),
        (key + "0102", "bad address"),
        (key + "010300", "bad address"),
        (key + "010302ff41", "bad address"),
    ])
    func refusesWithoutAnAnswer(request: String, reason: String) {
        #expect(runInPieces(make, bytes(request)).result == .reject(reason: reason, reply: ""))
    }

    @Test func muxIsAskedForByItsName() {
        let outcome = runInPieces(make, bytes(Self.key + "01030b76312e6d75782e636f6f6c25370d0a"))
        guard case .stream("tcp:v1.mux.cool:9527", _, "", 0) = outcome.result else {
            Issue.record("\(outcome.result)")
            return
        }
    }

    @Test func randomBytesNeverTrap() {
        var generator = SplitMix(state: 3)
        for _ in 0..<2000 {
            _ = run(make(), bytes(Self.key) + generator.bytes(upTo: 300), piece: 50)
        }
    }
}

extension String {
    /// Lower-case ASCII letters a to f, written in hexadecimal, replaced by their upper-case forms.
    fileprivate var uppercasedDigits: String {
        bytes(self).map { (0x61...0x66).contains($0) ? $0 - 0x20 : $0 }.map { String($0, radix: 16) }
            .map { $0.count == 1 ? "0" + $0 : $0 }.joined()
    }
}
