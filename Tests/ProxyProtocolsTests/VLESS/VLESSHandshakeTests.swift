// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct VLESSHandshakeTests {
    private static let id = "b831381d63244d53ad4f8cda48b30811"
    private let users: VLESSUsers

    init() throws {
        users = .vless()
        try users.add(user("a@b", vlessAccount("b831381d-6324-4d53-ad4f-8cda48b30811")))
        try users.add(
            user("vision@b", vlessAccount("00000000-0000-0000-0000-000000000001", flow: "xtls-rprx-vision")))
        try users.add(user("nul@b", vlessAccount("00000000-0000-0000-0000-000000000002", flow: "\0")))
    }

    private func make() -> any StreamHandshake { VLESSHandshake(users: users, door: FallbackDoor(nil, connection)) }

    @Test(arguments: [
        ("00b831381d63244d53ad4f8cda48b3081100010050017f000001", "tcp:127.0.0.1:80"),
        ("00b831381d63244d53ad4f8cda48b30811000101bb020b6578616d706c652e636f6d", "tcp:example.com:443"),
        (
            "00b831381d63244d53ad4f8cda48b30811000101bb0320010db8000000000000000000000001",
            "tcp:[2001:db8::1]:443"
        ),
        // A domain that is an address, and an IPv4 address inside IPv6.
        ("00b831381d63244d53ad4f8cda48b308110001005002073 12e322e332e34", "tcp:1.2.3.4:80"),
        ("00b831381d63244d53ad4f8cda48b3081100010050 03 00000000000000000000ffff01020304", "tcp:1.2.3.4:80"),
    ])
    func readsAStreamRequestInAnyPieces(request: String, target: String) {
        let outcome = runInPieces(make, bytes(request) + [0x68, 0x69])
        #expect(outcome.result == .stream(target: target, user: "a@b", header: "0000", route: 0x4d53))
        #expect(outcome.payload == "6869")
        expectEveryTruncationNeedsMore(make, bytes(request))
    }

    @Test func readsADatagramRequest() throws {
        let session = "00b831381d63244d53ad4f8cda48b308110002520a017f000001 00036f6e65 000374776f"
        let outcome = runInPieces(make, bytes(session))
        #expect(outcome.result == .packets(target: "udp:127.0.0.1:21002", user: "a@b", header: "0000"))
        #expect(outcome.payload == "00036f6e65000374776f")
    }

    @Test func bytesSixAndSevenAreARouteAndNotPartOfTheID() {
        let outcome = run(make(), bytes("00b831381d6324 1234 ad4f8cda48b3081100010050017f000001"))
        #expect(outcome.result == .stream(target: "tcp:127.0.0.1:80", user: "a@b", header: "0000", route: 0x1234))
    }

    @Test(arguments: [
        ("01", "unknown version"),
        ("00b831381d63244d53ad4f8cda48b30812", "unknown user"),
        ("00\(id) 0004", "reverse not available"),
        ("00\(id) 0000", "unknown command"),
        ("00\(id) 00ff", "unknown command"),
        ("00\(id) 00010050 00", "bad address"),
        ("00\(id) 00010050 04", "bad address"),
        ("00\(id) 00010050 0200", "bad address"),
        ("00\(id) 00010050 0202ff41", "bad address"),
        ("00\(id) 00010050 0203610062", "bad address"),
        ("00\(id) 01ff 01", "bad addons"),
        ("00\(id) 02 0a05 01", "bad addons"),
        ("00\(id) 12 0a1078746c732d727072782d766973696f6e 01", "flow not allowed"),
        ("00\(id) 03 0a0178 01", "unknown flow"),
        ("0000000000000000000000000000000001 0001", "flow required"),
        ("0000000000000000000000000000000001 0003 000c 0000 01 01 01", "flow required"),
        ("0000000000000000000000000000000001 0003 000c 0001 01 01 02", "flow required"),
        ("0000000000000000000000000000000001 12 0a1078746c732d727072782d766973696f6e 01", "flow needs TLS 1.3"),
        (
            "0000000000000000000000000000000001 12 0a1078746c732d727072782d766973696f6e 02",
            "flow does not carry datagrams"
        ),
    ])
    func refusesWithoutAnAnswer(request: String, reason: String) {
        let outcome = runInPieces(make, bytes(request))
        #expect(outcome.result == .reject(reason: reason, reply: ""))
        #expect(outcome.replies.isEmpty)
    }

    @Test(arguments: ["03", "01 2537 020b 76312e6d75782e636f6f6c"])
    func muxIsAskedForByItsCommandOrItsName(request: String) {
        let outcome = runInPieces(make, bytes("00\(Self.id) 00\(request) 00040001"))
        #expect(outcome.result == .stream(target: "tcp:v1.mux.cool:9527", user: "a@b", header: "0000", route: 0x4d53))
        #expect(outcome.payload == "00040001")
    }

    @Test func aVisionUserMaySendPlainDatagrams() {
        let outcome = run(make(), bytes("0000000000000000000000000000000001 00020035 0101010101"))
        #expect(outcome.result == .packets(target: "udp:1.1.1.1:53", user: "vision@b", header: "0000"))
    }

    @Test func aVisionUserMaySendTheDatagramsOfOneSourceWithoutAFlow() {
        let outcome = runInPieces(make, bytes("0000000000000000000000000000000001 0003 000c 0000 01 01 02 0035"))
        #expect(outcome.result == .stream(target: "tcp:v1.mux.cool:9527", user: "vision@b", header: "0000", route: 0))
        #expect(outcome.payload == "000c00000101020035")
        let cut = run(make(), bytes("0000000000000000000000000000000001 0003 000c 0000 01 01"))
        #expect(cut.result == .needMore)
    }

    @Test func aFlowOfOneNULByteMeansNone() {
        let outcome = run(make(), bytes("0000000000000000000000000000000002 00010035 0101010101"))
        #expect(outcome.result == .stream(target: "tcp:1.1.1.1:53", user: "nul@b", header: "0000", route: 0))
    }

    @Test func aRemovedUserIsRefused() throws {
        try users.remove(email: "A@B")
        let outcome = run(make(), bytes("00\(Self.id)00010050017f000001"))
        #expect(outcome.result == .reject(reason: "unknown user", reply: ""))
    }

    @Test func randomBytesNeverTrap() {
        var generator = SplitMix(state: 1)
        for _ in 0..<2000 {
            var request = bytes("00\(Self.id)")
            request += generator.bytes(upTo: 300)
            _ = run(make(), request, piece: 50)
        }
    }
}
