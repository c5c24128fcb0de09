// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyCore

struct ObfuscationHeadTests {
    private typealias Header = ObfuscationHead.Header

    private static func header(_ name: String, _ values: String...) -> Header {
        .with { ($0.name, $0.value) = (name, values) }
    }

    private func text(_ head: ObfuscationHead) -> String { String(buffer: head.bytes(at: 1_700_000_000)) }

    // MARK: Writing

    @Test func requestIsWrittenInTheOrderOfTheSettings() throws {
        let head = try ObfuscationHead(
            start: ["GET /a HTTP/1.1"], headers: [Self.header("Host", "h"), Self.header("Empty")], isResponse: false)
        #expect(text(head) == "GET /a HTTP/1.1\r\nHost: h\r\nEmpty: \r\n\r\n")
    }

    @Test func responseTellsTheTimeUnlessItHasADateOfItsOwn() throws {
        let own = Self.header("DATE", "today")
        #expect(
            try text(ObfuscationHead(start: ["HTTP/1.1 200 OK"], headers: [], isResponse: true))
                == "HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\n")
        #expect(
            try text(ObfuscationHead(start: ["HTTP/1.1 200 OK"], headers: [own], isResponse: true))
                == "HTTP/1.1 200 OK\r\nDATE: today\r\n\r\n")
    }

    @Test func eachConnectionDrawsAnewOfEachList() throws {
        let head = try ObfuscationHead(
            start: ["GET /a HTTP/1.1", "GET /b HTTP/1.1"], headers: [Self.header("Host", "x", "y")], isResponse: false)
        let drawn = Set((0..<1000).map { _ in text(head) })
        #expect(drawn.count == 4, "\(drawn)")
    }

    @Test func refusalsAreThoseOfTheOriginal() {
        #expect(
            text(.refusal("404 Not Found"))
                == "HTTP/1.1 404 Not Found\r\nConnection: close\r\nCache-Control: private\r\nContent-Length: 0\r\n"
                + "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\n")
    }

    @Test(arguments: ["a\r\n", "a\r\n\r\nb", "a\n\nb", "\n"])
    func headerThatWouldEndTheHeadIsRefused(_ value: String) {
        #expect(throws: ControlError.self) {
            try ObfuscationHead(start: ["GET / HTTP/1.1"], headers: [Self.header("A", "b", value)], isResponse: false)
        }
    }

    @Test func headThatPeersWouldRefuseIsRefused() throws {
        // 18 for the first line, 5 for the name of a header and its line end, 2 for the end.
        let longest = String(repeating: "x", count: ObfuscationHead.limit - 25)
        let fitting = try ObfuscationHead(
            start: ["GET /a HTTP/1.10"], headers: [Self.header("A", "", longest)], isResponse: false)
        #expect((0..<100).map { _ in text(fitting).utf8.count }.max() == ObfuscationHead.limit)
        #expect(throws: ControlError.self) {
            try ObfuscationHead(
                start: ["GET /a HTTP/1.10"], headers: [Self.header("A", "", longest + "x")], isResponse: false)
        }
    }

    // MARK: Reading

    private func read(_ text: String, piece: Int = .max) -> (head: String?, rest: String, isTooLong: Bool) {
        var reader = ObfuscationHeadReader()
        var unread = Array(text.utf8)[...]
        while !unread.isEmpty {
            let part = ByteBuffer(bytes: unread.prefix(piece))
            unread = unread.dropFirst(piece)
            switch reader.read(part) {
            case .needMore: break
            case .tooLong: return (nil, "", true)
            case .head(let head, let rest):
                return (String(buffer: head), String(buffer: rest) + String(decoding: unread, as: UTF8.self), false)
            }
        }
        return (nil, String(buffer: reader.received), false)
    }

    private static let head = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"

    @Test(arguments: [1, 2, 3, 5, 24, .max]) func headIsTakenOffHoweverItIsCut(_ piece: Int) {
        #expect(read(Self.head + "payload", piece: piece) == (Self.head, "payload", false))
        #expect(read(Self.head, piece: piece) == (Self.head, "", false))
    }

    @Test func partOfAHeadNeedsMore() {
        for count in 0..<Self.head.utf8.count {
            let part = String(decoding: Self.head.utf8.prefix(count), as: UTF8.self)
            #expect(read(part, piece: 3) == (nil, part, false))
        }
    }

    @Test(arguments: ["a\n\nb", "a\n\r\nb", "a\r\n\nb", "a\r\r\n\r\r\nb"])
    func headEndsWithTwoWholeLineEndsOnly(_ text: String) {
        #expect(read(text + "\r\n\r\nc") == (text + "\r\n\r\n", "c", false))
    }

    @Test(arguments: [1, 1000, .max]) func headWithoutAnEndIsTooLongAtTheLimit(_ piece: Int) {
        let limit = ObfuscationHead.limit
        #expect(read(String(repeating: "x", count: limit), piece: piece).isTooLong)
        #expect(!read(String(repeating: "x", count: limit - 1), piece: piece).isTooLong)
        let longest = String(repeating: "x", count: limit - 4) + "\r\n\r\n"
        #expect(read(longest + "y", piece: piece) == (longest, "y", false))
        #expect(read("x" + longest, piece: piece).isTooLong)
    }
}
