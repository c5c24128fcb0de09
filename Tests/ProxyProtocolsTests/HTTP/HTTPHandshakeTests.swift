// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct HTTPHandshakeTests {
    private let users: PasswordUsers

    init() throws {
        users = try .http(["carol": "p:w"], level: 1)
    }

    private func open() -> any StreamHandshake { HTTPHandshake(settings: HTTPProxySettings()) }

    private func closed() -> any StreamHandshake {
        HTTPHandshake(settings: HTTPProxySettings(users: users))
    }

    private func transparent() -> any StreamHandshake {
        HTTPHandshake(settings: HTTPProxySettings(allowsTransparent: true))
    }

    @Test(arguments: [
        ("127.0.0.1:21001", "tcp:127.0.0.1:21001"), ("a.example", "tcp:a.example:80"),
        ("a.example:", "tcp:a.example:80"), ("[2001:db8::1]:443", "tcp:[2001:db8::1]:443"),
        ("[2001:db8::1]", "tcp:[2001:db8::1]:80"),
    ])
    func connectIsAnsweredBeforeTheTargetIsDialled(target: String, destination: String) {
        let request = Array("CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\n\r\n".utf8)
        let outcome = runInPieces(open, request + [1, 2])
        #expect(outcome.replies == [ascii("HTTP/1.1 200 Connection established\r\n\r\n")])
        #expect(outcome.result == .stream(target: destination, user: nil, header: "", route: 0))
        #expect(outcome.payload == "0102")
        expectEveryTruncationNeedsMore(open, request)
    }

    @Test func aPlainRequestIsRewrittenAsXrayDoes() {
        let request = """
            GET http://127.0.0.1:21004/p?q=1 HTTP/1.1\r
            Host: ignored.example\r
            Proxy-Connection: keep-alive\r
            Connection: X-Drop\r
            X-Drop: 1\r
            X-Keep: 2\r
            \r\n
            """
        let outcome = runInPieces(open, Array(request.utf8))
        #expect(outcome.replies.isEmpty)
        #expect(outcome.result == .stream(target: "tcp:127.0.0.1:21004", user: nil, header: "", route: 0))
        let expected = "GET /p?q=1 HTTP/1.1\r\nHost: 127.0.0.1:21004\r\nConnection: close\r\nX-Keep: 2\r\n\r\n"
        #expect(outcome.payload == ascii(expected))
        expectEveryTruncationNeedsMore(open, Array(request.utf8))
    }

    @Test func theBodyFollowsTheRewrittenHead() {
        let request = "POST HTTP://a.example HTTP/1.0\nContent-Length: 3\nconnection: content-length\n\nabc"
        let outcome = runInPieces(open, Array(request.utf8))
        let expected = "POST / HTTP/1.0\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
        #expect(outcome.payload == ascii(expected))
    }

    @Test func chunkedBodiesStayChunkedAndLoseAContentLength() {
        let request = "POST http://a.example/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        let outcome = run(open(), Array(request.utf8))
        let expected = "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(outcome.payload == ascii(expected))
    }

    @Test func aDeadServerIsAnsweredFor() {
        var handshake = open()
        var buffer = ByteBuffer(string: "GET http://a.example/ HTTP/1.1\r\n\r\n")
        guard case .stream(let request) = handshake.receive(&buffer) else {
            Issue.record("no stream")
            return
        }
        let reply = request.unreachableReply.map { String(buffer: $0) } ?? ""
        #expect(reply.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
    }

    @Test func theRightPasswordNamesTheUser() {
        // carol:p:w
        let request = "CONNECT a.example:443 HTTP/1.1\r\nproxy-authorization: basic Y2Fyb2w6cDp3\r\n\r\n"
        #expect(
            runInPieces(closed, Array(request.utf8)).result
                == .stream(target: "tcp:a.example:443", user: "carol", header: "", route: 0))
    }

    @Test(arguments: [
        "", "Proxy-Authorization: Basic Y2Fyb2w6eA==\r\n", "Proxy-Authorization: Basic %%%\r\n",
        "Proxy-Authorization: Bearer Y2Fyb2w6cDp3\r\n", "Proxy-Authorization: Basic Y2Fyb2w=\r\n",
        "Proxy-Authorization: Basic Y2Fyb2w6cDp3\r\nProxy-Authorization: Basic Y2Fyb2w6cDp3\r\n",
    ])
    func withoutItTheClientIsAskedForIt(fields: String) {
        let outcome = runInPieces(closed, Array("GET http://a.example/ HTTP/1.1\r\n\(fields)\r\n".utf8))
        guard case .reject("wrong password", let reply) = outcome.result else {
            Issue.record("\(outcome)")
            return
        }
        let head = "HTTP/1.1 407 Proxy Authentication Required\r\n"
        #expect(reply.hasPrefix(ascii(head)))
        #expect(reply.contains(ascii("\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\n")))
    }

    @Test(arguments: ["GET /path HTTP/1.1\r\nHost: a.example\r\n\r\n", "GET ftp://a.example/ HTTP/1.1\r\n\r\n"])
    func aRequestWithoutAnHTTPURIIsABadOne(request: String) {
        let outcome = run(open(), Array(request.utf8))
        guard case .reject("no absolute URI", let reply) = outcome.result else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reply.hasPrefix(ascii("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nProxy-Connection: close\r\n")))
    }

    @Test func transparentRequestsGoWhereTheirHostSays() {
        let outcome = run(transparent(), Array("GET /x HTTP/1.1\r\nHost: a.example:8080\r\n\r\n".utf8))
        #expect(outcome.result == .stream(target: "tcp:a.example:8080", user: nil, header: "", route: 0))
    }

    @Test(arguments: [
        "\r\n\r\n", "garbage\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n",
        "G(T http://a/ HTTP/1.1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n folded\r\n\r\n", "GET http://a/ HTTP/1.1\r\nA B: c\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nA: \u{1}\r\n\r\n", "GET http://a/ HTTP/1.1\r\n: c\r\n\r\n",
    ])
    func whatIsNoRequestGetsNoAnswer(request: String) {
        let outcome = runInPieces(open, Array(request.utf8))
        #expect(outcome.result == .reject(reason: "not a request", reply: ""))
    }

    @Test(arguments: ["CONNECT a:b HTTP/1.1\r\n\r\n", "CONNECT [::1 HTTP/1.1\r\n\r\n", "CONNECT :80 HTTP/1.1\r\n\r\n"])
    func connectToNowhereIsABadRequest(request: String) {
        guard case .reject("bad address", _) = run(open(), Array(request.utf8)).result else {
            Issue.record("served")
            return
        }
    }

    @Test func aHeadWithoutEndIsRefused() {
        let request = Array("GET http://a.example/ HTTP/1.1\r\nA: ".utf8) + Array(repeating: 0x61, count: 70_000)
        #expect(run(open(), request, piece: 1000).result == .reject(reason: "head too large", reply: ""))
    }
}
