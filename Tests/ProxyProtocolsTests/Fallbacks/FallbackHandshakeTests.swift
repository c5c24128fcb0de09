// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing
import XrayProtos

@testable import ProxyProtocols

struct FallbackHandshakeTests {
    private let vless: VLESSInbound
    private let trojan: TrojanInbound
    private let vlessHeader: [UInt8]
    private let trojanHeader: [UInt8]

    init() throws {
        let id = "b831381d-6324-4d53-ad4f-8cda48b30811"
        var account = Xray_Proxy_Vless_Account()
        account.id = id
        var password = Xray_Proxy_Trojan_Account()
        password.password = "p"
        var vless = Xray_Proxy_Vless_Inbound_Config()
        vless.users = [.init()]
        vless.users[0].account = try TypedMessages.pack(account)
        vless.fallbacks = [.init()]
        vless.fallbacks[0].type = "unix"
        vless.fallbacks[0].dest = "/run/web.sock"
        vless.fallbacks[0].xver = 1
        self.vless = try VLESSInbound(vless)
        var trojan = Xray_Proxy_Trojan_ServerConfig()
        trojan.users = [.init()]
        trojan.users[0].account = try TypedMessages.pack(password)
        trojan.fallbacks = [.init()]
        trojan.fallbacks[0].type = "tcp"
        trojan.fallbacks[0].dest = "localhost:80"
        self.trojan = try TrojanInbound(trojan)
        vlessHeader = [
            0, 0xb8, 0x31, 0x38, 0x1d, 0x63, 0x24, 0x4d, 0x53, 0xad, 0x4f, 0x8c, 0xda, 0x48, 0xb3, 0x08, 0x11, 0, 1, 0,
            80, 1,
            127, 0, 0, 1,
        ]
        trojanHeader = TrojanKey(password: "p").bytes + [13, 10, 1, 1, 127, 0, 0, 1, 0, 80, 13, 10]
    }

    private func isFallback(_ outcome: HandshakeOutcome) -> Bool {
        if case .fallback = outcome.result { true } else { false }
    }

    @Test func nothingIsDecidedWithoutAByte() {
        #expect(run(vless.accept(connection), []).result == .needMore)
        #expect(run(trojan.accept(connection), []).result == .needMore)
    }

    @Test func firstReadThatIsTooShortFallsBack() {
        #expect(isFallback(run(vless.accept(connection), vlessHeader, piece: 17)))
        #expect(!isFallback(run(vless.accept(connection), vlessHeader, piece: 18)))
        #expect(isFallback(run(trojan.accept(connection), trojanHeader, piece: 57)))
        #expect(!isFallback(run(trojan.accept(connection), trojanHeader, piece: 58)))
    }

    @Test func otherProtocolsFallBackWithEveryByte() {
        let request = Array("GET / HTTP/1.1\r\nHost: a.example\r\nAccept: everything-there-is-here\r\n\r\n".utf8)
        let first = run(vless.accept(connection), request)
        #expect(first.payload == hex(ByteBuffer(bytes: request)))
        guard case .fallback("/run/web.sock", let preface, "unknown version") = first.result else {
            Issue.record("\(first.result)")
            return
        }
        #expect(
            preface
                == hex(
                    ByteBuffer(
                        string:
                            "PROXY TCP4 \(connection.source.ip) \(connection.local.ip) \(connection.source.port) \(connection.local.port)\r\n"
                    )))
        let second = run(trojan.accept(connection), request)
        #expect(second.result == .fallback(target: "tcp:localhost:80", preface: "", reason: "unknown user"))
        #expect(second.payload == hex(ByteBuffer(bytes: request)))
    }

    @Test func unknownUsersFallBackAndErrorsOfKnownOnesDoNot() {
        var unknown = vlessHeader
        unknown[1] ^= 1
        #expect(isFallback(run(vless.accept(connection), unknown)))
        var badCommand = vlessHeader
        badCommand[18] = 9
        #expect(run(vless.accept(connection), badCommand).result == .reject(reason: "unknown command", reply: ""))
        var badLineEnd = trojanHeader
        badLineEnd[56] = 10
        #expect(isFallback(run(trojan.accept(connection), badLineEnd)))
    }
}
