// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct HTTPClientHandshakeTests {
    private func make() -> HTTPClientHandshake {
        let target = Destination(network: .tcp, address: Address("2001:db8::1"), port: 443)
        return HTTPClientHandshake(target: target, fields: [("Proxy-Authorization", "Basic dTpw")])
    }

    @Test func asksForATunnel() {
        let answer = "HTTP/1.1 200 Connection established\r\nA: b\r\n\r\nhi"
        let outcome = run(make(), answer: Array(answer.utf8))
        let lines = [
            "CONNECT [2001:db8::1]:443 HTTP/1.1", "Host: [2001:db8::1]:443", "Proxy-Authorization: Basic dTpw",
            "Proxy-Connection: Keep-Alive",
        ]
        #expect(outcome.sent == [ascii(lines.joined(separator: "\r\n") + "\r\n\r\n")])
        #expect(outcome.end == "done")
        #expect(outcome.payload == "6869")
    }

    @Test(arguments: [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy answers 407 Proxy Authentication Required"),
        ("HTTP/1.0 200\n\n", "done"), ("SSH-2.0-x y\r\n\r\n", "the server is no HTTP proxy"),
        ("\r\n\r\n", "the server is no HTTP proxy"), ("HTTP/1.1 200 OK\r\nA: b\r\n", "more"),
    ])
    func readsTheStatus(answer: String, end: String) {
        #expect(run(make(), answer: Array(answer.utf8)).end == end)
    }

    @Test func anAnswerWithoutEndFails() {
        let answer = Array("HTTP/1.1 200 OK\r\nA: ".utf8) + Array(repeating: 0x61, count: 70_000)
        #expect(run(make(), answer: answer).end == "the proxy's answer has no end")
    }
}
