// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import GRPCWire

struct GRPCHandlerTableTests {
    private let table = GRPCHandlerTable { builder in
        for number in 0..<200 {
            builder.unary("/pkg.Service/Method\(number)", inline: { request, _ throws(GRPCStatus) in request })
        }
        builder.unary("/pkg.Other/Get", async: { request, _ in request })
        builder.streaming("/pkg.Other/Watch") { _, _, _ in }
    }

    private func method(_ path: String) -> GRPCHandlerTable.Method? {
        Array(path.utf8).withUnsafeBytes { table.method(at: $0) }
    }

    @Test func findsEachMethodByItsFullPath() {
        for number in 0..<200 {
            #expect(method("/pkg.Service/Method\(number)")?.name == "Method\(number)")
        }
        #expect(method("/pkg.Other/Watch")?.isStreaming == true)
        #expect(method("/pkg.Other/Get")?.service == "pkg.Other")
    }

    @Test(arguments: [
        "", "/", "/pkg.Service/Method", "/pkg.Service/Method200", "pkg.Service/Method1", "/pkg.Service/Method1 ",
    ])
    func findsNothingElse(path: String) {
        #expect(method(path) == nil)
    }

    @Test func listsServicesAndMethods() {
        #expect(table.services == ["pkg.Other", "pkg.Service"])
        #expect(table.methods(of: "pkg.Other") == ["Get", "Watch"])
        #expect(table.methods(of: "none").isEmpty)
    }

    @Test(arguments: [
        ("/pkg.Other/Nope", "unknown method Nope for service pkg.Other"), ("/no.such/Get", "unknown service no.such"),
        ("/nope", "malformed method name: \"/nope\""), ("", "malformed method name: \"\""),
        ("a/b", "malformed method name: \"a/b\""), ("/a/b/c", "unknown service a/b"), ("//", "unknown service "),
        ("/pkg.Other/", "unknown method  for service pkg.Other"),
    ])
    func refusesInTheWordsOfGRPCGo(path: String, message: String) {
        let refusal = Array(path.utf8).withUnsafeBytes { table.refusal(of: $0) }
        #expect(refusal == GRPCStatus(.unimplemented, message))
    }
}
