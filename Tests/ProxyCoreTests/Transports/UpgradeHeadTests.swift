// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Testing

@testable import ProxyCore

struct UpgradeHeadTests {
    private func read(_ text: String, piece: Int = .max, limit: Int = 8192) -> (UpgradeHead.Outcome, rest: String) {
        var buffer = ByteBuffer()
        var scanned = 0
        var rest = Array(text.utf8)[...]
        while true {
            let outcome = UpgradeHead.read(&buffer, limit: limit, scanned: &scanned)
            if outcome != .needMore || rest.isEmpty {
                return (outcome, String(buffer: buffer) + String(decoding: rest, as: UTF8.self))
            }
            buffer.writeBytes(rest.prefix(piece))
            rest = rest.dropFirst(piece)
        }
    }

    private func head(_ text: String) throws -> UpgradeHead {
        guard case .head(let head) = read(text).0 else { throw Failure() }
        return head
    }

    private struct Failure: Error {}

    @Test(arguments: [1, 2, 5, .max]) func headIsReadHoweverItIsCut(_ piece: Int) {
        let (outcome, rest) = read("GET /a HTTP/1.1\r\nHost:  h \r\nX-A: 1, 2\r\n\r\npayload", piece: piece)
        var head = UpgradeHead()
        head.start = ["GET", "/a", "HTTP/1.1"]
        head.headers = [("host", "h"), ("x-a", "1, 2")]
        #expect(outcome == .head(head))
        #expect(rest == "payload")
    }

    @Test func bareLineFeedsEndLines() throws {
        #expect(try head("GET / HTTP/1.1\nHost: h\n\n")["host"] == "h")
    }

    @Test(arguments: [
        "GET /\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n: empty\r\n\r\n",
        "GET / HTTP/1.1\r\nA B: c\r\n\r\n", "GET / HTTP/1.1\r\nA: \u{1}\r\n\r\n", "\u{16}\u{3}\u{1}\n\n",
        "GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 65) + "\r\n",
    ])
    func otherTextIsInvalid(_ text: String) {
        #expect(read(text).0 == .invalid)
        #expect(read(text, piece: 1).0 == .invalid)
    }

    @Test func headWithoutAnEndIsTooLargeAtTheLimit() {
        let text = "GET / HTTP/1.1\r\nA: " + String(repeating: "x", count: 300)
        #expect(read(text, limit: 300).0 == .tooLarge)
        #expect(read(text, piece: 1, limit: 300).0 == .tooLarge)
        #expect(read(text, limit: 1000).0 == .needMore)
    }

    @Test(arguments: [
        ("/chat", "/chat"), ("/chat?ed=2048", "/chat"), ("/a%2Fb%20c", "/a/b c"), ("http://h/x?y", "/x"),
        ("http://h", "/"),
    ]) func pathIsDecodedAndWithoutItsQuery(_ target: String, _ path: String) throws {
        #expect(try head("GET \(target) HTTP/1.1\r\n\r\n").path == path)
    }

    @Test(arguments: ["*", "/%4", "/%zz"]) func targetThatIsNoPathHasNone(_ target: String) throws {
        #expect(try head("GET \(target) HTTP/1.1\r\n\r\n").path == nil)
    }

    @Test func hostIsComparedWithoutCaseAndPort() throws {
        let request = try head("GET / HTTP/1.1\r\nHost: Ws.Example:8443\r\n\r\n")
        #expect(request.isFor(host: "ws.example"))
        #expect(request.isFor(host: ""))
        #expect(!request.isFor(host: "example"))
        #expect(try !head("GET / HTTP/1.1\r\n\r\n").isFor(host: "ws.example"))
    }

    @Test func forwardedSourceIsTheFirstAddressAndOnlyOfThoseTrusted() throws {
        let peer = Endpoint(ip: .loopbackV4, port: 1)
        func source(_ head: UpgradeHead, _ trusted: [String]) -> String? {
            head.source(from: peer, trusting: TrustedForwarders(trusted) { _ in }).map { "\($0)" }
        }
        let request = try head("GET / HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.1\r\nX-Edge: 1\r\n\r\n")
        #expect(source(request, []) == nil, "anybody can send it")
        #expect(source(request, ["X-Edge"]) == "203.0.113.9:0")
        #expect(source(request, ["X-Other"]) == nil)
        #expect(source(request, ["X-Other", "x-forwarded-for"]) == "203.0.113.9:0", "it may vouch for itself")
        for list in ["nobody", "", ",203.0.113.9", "203.0.113.9:80"] {
            let request = try head("GET / HTTP/1.1\r\nX-Edge: 1\r\nX-Forwarded-For: \(list)\r\n\r\n")
            #expect(source(request, ["X-Edge"]) == nil)
        }
    }
}
