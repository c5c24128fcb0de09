// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ProxyCore

@Suite struct GRPCPathsTests {
    @Test(
        arguments: [
            ("hello", "/hello/Tun", "/hello/TunMulti"), ("", "//Tun", "//TunMulti"),
            ("hello/world!", "/hello%2Fworld%21/Tun", "/hello%2Fworld%21/TunMulti"),
            ("/my/sample/path/a|b", "/my/sample/path/a", "/my/sample/path/b"),
            ("/hello /world!/a|b", "/hello%20/world%21/a", "/hello%20/world%21/b"),
            ("/my/sample/path/both", "/my/sample/path/both", "/my/sample/path/both"),
            ("/m y/sa !mple/pa\\th/mu%lti\\_serv!ice", "/m%20y/sa%20%21mple/pa%5Cth/mu%25lti%5C_serv%21ice", nil),
            ("/a", "//a", "//a"), ("/a/b|", "/a/b", "/a/"), ("/a/é|c", "/a/%C3%A9", "/a/c"), ("a-._~$&+=:@", nil, nil),
        ] as [(String, String?, String?)])
    func serviceNameGivesThePathsOfBothMethods(_ name: String, _ single: String?, _ multi: String?) {
        let paths = GRPCPaths(serviceName: name)
        if let single { #expect(paths.single == single) } else { #expect(paths.single == "/\(name)/Tun") }
        if let multi { #expect(paths.multi == multi) }
    }
}
