// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import GRPCWire

struct GRPCAddressTests {
    @Test(arguments: [
        ("127.0.0.1:80", GRPCAddress.tcp(host: "127.0.0.1", port: 80)), (":0", .tcp(host: "", port: 0)),
        ("localhost:65535", .tcp(host: "localhost", port: 65535)), ("[::1]:80", .tcp(host: "::1", port: 80)),
        ("dns:///a.example:1", .tcp(host: "a.example", port: 1)), ("passthrough:///a:1", .tcp(host: "a", port: 1)),
        ("/run/a.sock", .unix(path: "/run/a.sock")), ("unix:///run/a", .unix(path: "/run/a")),
        ("unix:a", .unix(path: "a")),
        ("@name", .abstract(name: "name", padded: false)), ("@@name", .abstract(name: "name", padded: true)),
        ("unix-abstract:name", .abstract(name: "name", padded: false)),
    ])
    func readsEveryForm(text: String, address: GRPCAddress) throws {
        #expect(try GRPCAddress(text) == address)
    }

    @Test(arguments: [
        "", "host", "host:", "host:65536", "host:-1", "::1:80", "a/b:80", "unix:", "@", "@@", "http://a:80",
    ])
    func refusesTheRest(text: String) {
        #expect(throws: GRPCStatus.self) { try GRPCAddress(text) }
    }

    @Test func refusesPathsThatDoNotFitInASocketAddress() {
        let name = String(repeating: "x", count: 200)
        #expect(throws: GRPCStatus.self) { try GRPCAddress("/" + name) }
        #expect(throws: GRPCStatus.self) { try GRPCAddress("@" + name) }
    }
}
