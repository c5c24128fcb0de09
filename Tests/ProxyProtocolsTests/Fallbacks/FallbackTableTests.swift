// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct FallbackTableTests {
    private static func table(_ entries: (name: String, alpn: String, path: String, port: Int)...) throws
        -> FallbackTable
    {
        let made = try entries.map {
            try FallbackTable.Entry(
                name: $0.name, alpn: $0.alpn, path: $0.path, type: "tcp", dest: "localhost:\($0.port)", xver: 0,
                scope: "test")
        }
        return try #require(FallbackTable(made))
    }

    private static func port(
        _ table: FallbackTable, name: String = "", alpn: String = "", _ first: String = "GET / HTTP/1.1\r\nA: b\r\n\r\n"
    ) -> UInt16? {
        guard
            case .tcp(let target)? = table.choose(serverName: name, alpn: alpn, first: ByteBuffer(string: first))?
                .target
        else { return nil }
        return target.port
    }

    @Test(arguments: [
        ("GET /one HTTP/1.1\r\n\r\n", 81), ("GET /one?x=y HTTP/1.1\r\n\r\n", 81), ("DELETE /one HTTP/1.1\r\n", 81),
        ("GET /one/more HTTP/1.1\r\n", 80), ("GET /ONE HTTP/1.1\r\n\r\n\r\n", 80), ("GET /one", 80),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 80), ("OPTIONS  /one HTTP/1.1\r\n", 80),
        ("GET /one" + String(repeating: "x", count: 60) + " HTTP/1.1\r\n", 80), ("", 80),
    ])
    func pathIsTakenFromTheRequestLine(first: String, port: UInt16) throws {
        let table = try Self.table(("", "", "", 80), ("", "", "/one", 81))
        #expect(Self.port(table, first) == port)
    }

    @Test(arguments: [
        ("a.example", 81), ("A.EXAMPLE", 81), ("www.a.example.org", 81), ("deep.a.example", 82), ("b.example", 80),
        ("", 80),
    ])
    func nameIsTheWholeOneOrTheLongestInside(name: String, port: UInt16) throws {
        let table = try Self.table(("", "", "", 80), ("a.example", "", "", 81), ("deep.a.example", "", "", 82))
        #expect(Self.port(table, name: name) == port)
    }

    @Test func entriesWithLessInThemFillWhatOthersLack() throws {
        let table = try Self.table(
            ("", "", "", 80), ("", "", "/two", 82), ("", "h2", "", 83), ("a.example", "", "/own", 84))
        #expect(Self.port(table, alpn: "h2", "GET /two HTTP/1.1\r\n\r\n") == 82)
        #expect(Self.port(table, alpn: "h2") == 83)
        #expect(Self.port(table, alpn: "http/1.1") == 80)
        #expect(Self.port(table, name: "a.example", alpn: "h2", "GET /own HTTP/1.1\r\n\r\n") == 84)
        #expect(Self.port(table, name: "a.example", alpn: "h2", "GET /two HTTP/1.1\r\n\r\n") == 82)
        #expect(Self.port(table, name: "a.example", alpn: "h2") == 83)
        #expect(Self.port(table, name: "a.example") == 80)
    }

    @Test func nothingFitsWithoutADefault() throws {
        let table = try Self.table(("a.example", "h2", "/x", 81))
        #expect(Self.port(table) == nil)
        #expect(Self.port(table, name: "a.example", alpn: "h2") == nil)
        #expect(Self.port(table, name: "a.example", alpn: "h2", "GET /x HTTP/1.1\r\n\r\n") == 81)
    }

    @Test(arguments: [
        ("tcp", "web", 0, "test: fallback: web is no host with a port"),
        ("tcp", "web:0", 0, "test: fallback: web:0 is no host with a port"),
        ("unix", "run/web.sock", 0, "test: fallback: run/web.sock is no path of a socket"),
        ("serve", "serve-ws-none", 0, "test: not available in this build: fallback to serve-ws-none"),
        ("tcp", "web:80", 3, "test: fallback: invalid PROXY protocol version, 3 (known: 0, 1, 2)"),
    ])
    func fallbackThatCannotBeDialledIsRefused(type: String, dest: String, xver: UInt64, message: String) {
        #expect(throws: ControlError(message)) { try Fallback(type: type, dest: dest, xver: xver, scope: "test") }
    }
}
