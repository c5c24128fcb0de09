// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyCore

struct HTTPObfuscationPlansTests {
    private typealias Config = Xray_Transport_Internet_Headers_Http_Config

    private func verdict(_ text: String, _ change: (inout Config) -> Void = { _ in })
        throws -> HTTPObfuscationServerPlan.Verdict
    {
        var config = StreamSettings.httpHeader
        change(&config)
        return try HTTPObfuscationServerPlan(config).verdict(on: ByteBuffer(string: text))
    }

    @Test(arguments: [
        "GET /chat HTTP/1.1\r\nHost: h\r\n\r\n", "POST /other HTTP/1.0\r\n\r\n", "GET /chat?a=b HTTP/1.1\r\n\r\n",
        "GET /c%68at HTTP/1.1\r\n\r\n",
    ]) func requestForOneOfThePathsIsWelcome(_ text: String) throws {
        #expect(try verdict(text) { $0.request.uri = ["/chat", "/other"] } == .welcome)
    }

    @Test func pathWithAQueryIsKnownAgain() throws {
        #expect(try verdict("GET /a?b=c HTTP/1.1\r\n\r\n") { $0.request.uri = ["/a?b=c"] } == .welcome)
    }

    @Test(arguments: [
        "ABCDEFG\r\n\r\n", "GET /chat FOO\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET /chat HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /chat HTTP/1.1\n\nA: b\r\n\r\n", "GET chat HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n", "\r\n\r\n",
    ]) func whatIsNoRequestIsABadOne(_ text: String) throws {
        #expect(try verdict(text) == .badRequest)
    }

    @Test func requestForAnotherPathIsNotFound() throws {
        #expect(try verdict("GET /cha HTTP/1.1\r\n\r\n") == .notFound("/cha"))
    }

    @Test func anyHeadIsWelcomeWithoutARequest() throws {
        #expect(try verdict("whatever\r\n\r\n") { $0.clearRequest() } == .welcome)
    }

    @Test(arguments: [
        ("", true), ("G", true), ("GET /chat HT", true), ("GET /chat HTTP/1.1\r\nHo", true), ("\u{16}\u{3}", false),
        ("GET\r\n", false), ("GET / SMTP\r\n", false), ("SSH-2.0-OpenSSH_9.2\r\n", false),
    ]) func otherProtocolIsKnownByItsFirstLine(_ text: String, _ canBegin: Bool) throws {
        let plan = try HTTPObfuscationServerPlan(StreamSettings.httpHeader)
        #expect(plan.canBegin(with: ByteBuffer(string: text).readableBytesView) == canBegin)
    }

    @Test func absentPartsHaveTheDefaultsOfTheOriginal() throws {
        var config = Config()
        config.request.uri = ["/"]
        config.response = .init()
        #expect(try String(buffer: HTTPObfuscationClientPlan(config).request()) == "GET / HTTP/1.1\r\n\r\n")
        #expect(
            try String(buffer: HTTPObfuscationServerPlan(config).answer()).hasPrefix("HTTP/1.1 200 OK\r\nDate: "))
    }

    @Test func presentPartsAreSentAsTheyAre() throws {
        var config = StreamSettings.httpHeader
        config.request.method.value = "PUT"
        config.request.version.value = "1.0"
        config.response.version.value = "1.0"
        config.response.status = .with { ($0.code, $0.reason) = ("206", "Partial Content") }
        #expect(
            try String(buffer: HTTPObfuscationClientPlan(config).request()).hasPrefix("PUT /chat HTTP/1.0\r\nHost: "))
        #expect(
            try String(buffer: HTTPObfuscationServerPlan(config).answer()).hasPrefix("HTTP/1.0 206 Partial Content\r\n")
        )
    }

    @Test func halvesThatNoPeerCouldUseAreRefusedByName() {
        let request = Config.with { $0.request = StreamSettings.httpHeader.request }
        let response = Config.with { $0.response = .init() }
        let pathless = Config.with { ($0.request, $0.response) = (.init(), .init()) }
        func refusal(_ body: () throws -> Void) -> String? {
            do { try body() } catch { return "\(error)" }
            return nil
        }
        for (what, part) in [
            (refusal { _ = try HTTPObfuscationServerPlan(request) }, "needs a response"),
            (refusal { _ = try HTTPObfuscationServerPlan(pathless) }, "needs a path"),
            (refusal { _ = try HTTPObfuscationClientPlan(request) }, "needs a request and a response"),
            (refusal { _ = try HTTPObfuscationClientPlan(response) }, "needs a request and a response"),
            (refusal { _ = try HTTPObfuscationClientPlan(pathless) }, "needs a path"),
        ] {
            #expect(what?.contains("header http") == true && what?.contains(part) == true, "\(what ?? "accepted")")
        }
    }
}
