// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@testable import Automation

struct HTTPLibraryTests {
    /// Runs a chunk in which `@` stands for the server's address, and tells what it logs.
    private static func run(_ source: String, allow: [String]? = nil) async throws -> [String] {
        let server = try await HTTPServerDouble()
        let bench = try ScriptBench()
        let source = source.replacing("@", with: "http://127.0.0.1:\(server.port)")
        let automation = try await bench.start(bench.write("chunk", source)) { settings in
            settings.http.allow = allow ?? ["127.0.0.1:\(server.port)"]
            settings.http.client = AsyncScriptHTTPClient()
        }
        await automation.quiet()
        await automation.stop(grace: .zero)
        await server.stop()
        return bench.core.log.filter { !$0.contains("loaded, ") }.map {
            $0.replacing("[Info] script/chunk: ", with: "").replacing(":\(server.port)", with: ":PORT")
        }
    }

    @Test func answersHaveStatusHeadersAndBody() async throws {
        let lines = try await Self.run(
            """
            local answer = http.get("@/echo", { headers = { ["X-Key"] = "secret" } })
            log.info(answer.status, answer.headers["x-part"], answer.body)
            log.info(http.get("@/nothing").status)
            log.info(http.post("@/echo", "text").body)
            log.info(http.post("@/echo", { a = { 1, 2 } }).body)
            log.info(http.request{ url = "@/echo", method = "put", body = "x" }.body)
            """)
        #expect(
            lines == [
                "200 one, two GET none secret ", "404", "POST none none text",
                #"POST application/json none {"a":[1,2]}"#, "PUT none none x",
            ])
    }

    @Test func failuresAreAnsweredWithNilAndAMessage() async throws {
        let lines = try await Self.run(
            """
            log.info(http.get("@/large"))
            log.info(http.get("@/echo", { max_size = 3 }))
            log.info(http.get("@/silent", { timeout = "50ms" }))
            log.info(http.get("@/close"))
            log.info(http.get("@/away").status)
            """)
        #expect(lines.first == "nil http: GET 127.0.0.1: the answer is larger than 1.00 MB")
        #expect(lines[1] == "nil http: GET 127.0.0.1: the answer is larger than 3 B")
        #expect(lines[2].hasPrefix("nil http: GET 127.0.0.1: "))
        #expect(lines[3].hasPrefix("nil http: GET 127.0.0.1: "))
        #expect(lines[4] == "302")
    }

    @Test(.timeLimit(.minutes(5))) func theTimeOutHoldsForTheBodyToo() async throws {
        let lines = try await Self.run(
            """
            log.info(http.get("@/silent", { timeout = "50ms" }))
            log.info(http.get("@/stalled", { timeout = "50ms" }))
            """)
        let text = "nil http: GET 127.0.0.1: no answer within 50ms"
        #expect(lines == [text, text])
    }

    @Test func whyThereIsNoConnectionIsToldInTheSystemsWords() async throws {
        let port = try TCPClient.freePort()
        let lines = try await Self.run(
            #"log.info(http.get("http://127.0.0.1:\#(port)/"))"#, allow: ["127.0.0.1:\(port)"])
        #expect(lines == ["nil http: GET 127.0.0.1: connection refused"])
    }

    @Test(arguments: [
        ("http.get('ftp://example.com/')", "http: not an address that begins with http:// or https://"),
        ("http.get('http://')", "http: not an address"),
        ("http.get('http://user:x@example.com/')", "a name and password belong in a header"),
        (
            "http.get('https://other.example/')",
            "http: other.example is not in the configuration's automation.http.allow"
        ),
        ("http.get('http://example.com:8080/')", "http: example.com:8080 is not in the configuration's"),
        ("http.get('http://example.com/', { headers = { ['a b'] = 'x' } })", "\"a b\" is not a name of a header"),
        ("http.get('http://example.com/', { headers = { a = 'x\\r\\nb: y' } })", "the value of \"a\" cannot be sent"),
        ("http.get('http://example.com/', { headers = { Host = 'x' } })", "headers: \"Host\" is set by the client"),
        ("http.get('http://example.com/', { timeout = 'x' })", "duration \"x\": a number is expected"),
        ("http.get('http://example.com/', { timeou = 1 })", "unknown option 'timeou'"),
        ("http.request{ url = 'http://example.com/', method = 'TRACE' }", "method \"TRACE\" is not one of GET"),
        ("http.request{}", "http.request: url is missing"),
        ("http.post('http://example.com/', true)", "body: a string or a table expected, got boolean"),
    ])
    func mistakesAreNamed(call: String, message: String) async throws {
        let bench = try ScriptBench()
        let source = "log.info(select(2, pcall(function() \(call) end)))"
        let automation = try await bench.start(bench.write("chunk", source)) { $0.http.allow = ["example.com"] }
        await automation.quiet()
        await automation.stop(grace: .zero)
        #expect(bench.core.log.contains { $0.contains(message) }, "\(bench.core.log)")
    }

    @Test func nothingIsAllowedUnlessItIsNamed() async throws {
        let lines = try await Self.run(#"log.info(select(2, pcall(http.get, "@/echo")))"#, allow: [])
        #expect(lines == ["http: 127.0.0.1:PORT is not in the configuration's automation.http.allow"])
    }

    @Test(arguments: [
        ("example.com", "example.com", 443, true), ("example.com", "example.com", 8080, false),
        ("example.com", "a.example.com", 443, false), ("*.example.com", "a.example.com", 80, true),
        ("*.example.com", "example.com", 80, false), ("*.example.com", "badexample.com", 80, false),
        ("EXAMPLE.com:8080", "example.com", 8080, true), ("example.com:8080", "example.com", 80, false),
        ("*", "anything", 1, true), ("[::1]:81", "::1", 81, true), ("::1", "::1", 80, true),
    ])
    func hostsAreAllowedByNameAndPort(entry: String, host: String, port: Int, isAllowed: Bool) {
        var settings = ScriptHTTPSettings()
        settings.allow = [entry]
        #expect(settings.allows(host: host, port: port) == isAllowed)
    }
}
