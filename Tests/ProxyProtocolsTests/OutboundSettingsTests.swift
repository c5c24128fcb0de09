// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import SwiftProtobuf
import Testing
import XrayProtos

@testable import ProxyProtocols

/// Outbounds through a server: what their settings must hold, and what they dial.
struct OutboundSettingsTests {
    private func server(
        port: UInt32 = 1080, _ account: (any SwiftProtobuf.Message)? = nil
    ) -> Xray_Common_Protocol_ServerEndpoint {
        var server = Xray_Common_Protocol_ServerEndpoint()
        server.address.domain = "s.example"
        server.port = port
        if let account { server.user = user("", account) }
        return server
    }

    private func vless(_ server: Xray_Common_Protocol_ServerEndpoint) throws(ControlError) -> VLESSOutbound {
        var config = Xray_Proxy_Vless_Outbound_Config()
        config.vnext = server
        return try VLESSOutbound(config)
    }

    private func dial(_ outbound: any OutboundProtocol) -> (target: String, sent: [String], hasCodec: Bool)? {
        guard case .dial(let plan) = outbound.stream(for: session(to: "example.com", port: 443)),
            let handshake = plan.handshake
        else { return nil }
        return ("\(plan.target)", run(handshake, answer: []).sent, plan.codec != nil)
    }

    @Test func vlessSendsItsRequestFirst() throws {
        let account = vlessAccount("b831381d-6324-4d53-ad4f-8cda48b30811")
        let plan = try #require(try dial(vless(server(account))))
        #expect(plan.target == "tcp:s.example:1080")
        #expect(plan.sent == ["00b831381d63244d53ad4f8cda48b30811000101bb020b6578616d706c652e636f6d"])
        #expect(plan.hasCodec)
    }

    @Test func trojanSendsItsRequestFirst() throws {
        var config = Xray_Proxy_Trojan_ClientConfig()
        config.server = server(trojanAccount("trojan-password-1"))
        let plan = try #require(try dial(TrojanOutbound(config)))
        let key = ascii("3832b05d4922849ad2b640ecc4289ab24ed1a304ec7215ea97999a20")
        #expect(plan.sent == [key + "0d0a01030b6578616d706c652e636f6d01bb0d0a"])
        #expect(!plan.hasCodec)
    }

    @Test func socksAndHTTPNegotiate() throws {
        var socks = Xray_Proxy_Socks_ClientConfig()
        socks.server = server(Xray_Proxy_Socks_Account())
        #expect(try dial(SOCKSOutbound(socks))?.sent == ["050102"])
        var http = Xray_Proxy_Http_ClientConfig()
        http.server = server()
        #expect(try dial(HTTPOutbound(http))?.sent.count == 1)
    }

    @Test func settingsWithoutAServerAreRefused() {
        #expect(throws: ControlError("proxy/vless/outbound: no vnext found")) { try VLESSOutbound(.init()) }
        #expect(throws: ControlError("proxy/trojan: no target trojan server found")) { try TrojanOutbound(.init()) }
        #expect(throws: ControlError("proxy/socks: no target server found")) { try SOCKSOutbound(.init()) }
        #expect(throws: ControlError("proxy/http: no target server found")) { try HTTPOutbound(.init()) }
    }

    @Test func settingsThatCannotWorkAreRefused() {
        let id = "b831381d-6324-4d53-ad4f-8cda48b30811"
        #expect(throws: ControlError("proxy/vless/outbound: the server has no VLESS user")) { try vless(server()) }
        #expect(throws: ControlError("proxy/vless/outbound: invalid port: 0")) {
            try vless(server(port: 0, vlessAccount(id)))
        }
        let flow = ControlError("proxy/vless/outbound: not available in this build: flow \"xtls-rprx-direct\"")
        #expect(throws: flow) { try vless(server(vlessAccount(id, flow: "xtls-rprx-direct"))) }
        let badID = ControlError(
            "proxy/vless/outbound: failed to get server spec > proxy/vless: failed to parse ID > "
                + "common/uuid: invalid UUID: ")
        #expect(throws: badID) { try vless(server(vlessAccount(""))) }
        #expect(throws: ControlError("proxy/socks: the server's account is not of SOCKS")) {
            var config = Xray_Proxy_Socks_ClientConfig()
            config.server = server(Xray_Proxy_Http_Account())
            return try SOCKSOutbound(config)
        }
        #expect(throws: ControlError("proxy/http: invalid header field: \"A\"")) {
            var config = Xray_Proxy_Http_ClientConfig()
            config.server = server()
            var header = Xray_Proxy_Http_Header()
            header.key = "A"
            header.value = "b\r\nC: d"
            config.header = [header]
            return try HTTPOutbound(config)
        }
    }

    @Test func theVLESSAnswerLosesItsHeader() throws {
        let codec = VLESSResponseCodec()
        var input = ByteBuffer()
        var payload = ""
        for byte in bytes("00 02 aabb 6869") {
            input.writeInteger(byte)
            if let part = try codec.decode(&input) { payload += hex(part) }
        }
        #expect(payload == "6869")
        var other = ByteBuffer(bytes: [1])
        #expect(throws: ProtocolError.self) { try VLESSResponseCodec().decode(&other) }
    }
}
