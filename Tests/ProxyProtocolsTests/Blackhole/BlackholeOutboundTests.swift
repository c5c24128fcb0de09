// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import ProxyCore
import Testing
import XrayProtos

@testable import ProxyProtocols

struct BlackholeOutboundTests {
    @Test func swallowsAndSaysNothing() throws {
        var config = Xray_Proxy_Blackhole_Config()
        for response in [nil, typed("xray.proxy.blackhole.NoneResponse")] {
            if let response { config.response = response }
            guard case .discard(nil, let hold) = try BlackholeOutbound(config).stream(for: session()) else {
                Issue.record("no discard")
                return
            }
            #expect(hold == .zero)
        }
    }

    @Test func thePageIsTheOriginalsToTheByte() throws {
        var config = Xray_Proxy_Blackhole_Config()
        config.response = typed("xray.proxy.blackhole.HTTPResponse")
        guard case .discard(let page?, let hold) = try BlackholeOutbound(config).stream(for: session()) else {
            Issue.record("no page")
            return
        }
        let lines = ["HTTP/1.1 403 Forbidden", "Connection: close", "Cache-Control: max-age=3600, public"]
        #expect(String(buffer: page) == lines.joined(separator: "\n") + "\nContent-Length: 0\n\n\n")
        #expect(hold == .seconds(1))
    }

    @Test func anotherResponseIsRefused() {
        var config = Xray_Proxy_Blackhole_Config()
        config.response = typed("xray.proxy.blackhole.Config")
        #expect(throws: ControlError("proxy/blackhole: not a response: xray.proxy.blackhole.Config")) {
            try BlackholeOutbound(config)
        }
    }
}
