// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyConfig
import SwiftProtobuf
import Testing
import XrayProtos

struct OutboundSectionTests {
    private func sender(_ keys: String) throws -> Xray_App_Proxyman_SenderConfig {
        let configuration = try load(#"{"outbounds": [{"protocol": "freedom", \#(keys)}]}"#)
        let outbound = try #require(configuration.outbounds.first)
        return try #require(try outbound.senderSettings.typed(as: Xray_App_Proxyman_SenderConfig.self))
    }

    @Test func sendThroughIsAnAddressABlockOrAWord() throws {
        #expect(try sender(#""sendThrough": "127.0.0.1""#).via.ip.count == 4)
        #expect(try sender(#""sendThrough": "2001:db8::/64""#).viaCidr == "64")
        #expect(try sender(#""sendThrough": "origin""#).via.domain == "origin")
        #expect(
            refusal(#"{"outbounds": [{"protocol": "freedom", "sendThrough": "example.com"}]}"#)
                == "outbounds[0].sendThrough: an IP address, IP/prefix, origin or srcip is needed, found \"example.com\""
        )
    }

    @Test func muxHasDefaults() throws {
        let mux = try sender(#""mux": {"enabled": true, "concurrency": -1}"#).multiplexSettings
        #expect(mux.enabled && mux.concurrency == -1 && mux.xudpProxyUdp443 == "reject")
        #expect(refusal(#"{"outbounds": [{"protocol": "freedom", "mux": {"xudpProxyUDP443": "x"}}]}"#) != nil)
        #expect(refusal(#"{"outbounds": [{"protocol": "freedom", "mux": {"concurrency": 40000}}]}"#) != nil)
    }

    @Test func transportLayerProxiesBecomeDialerProxies() throws {
        #expect(try sender(#""proxySettings": {"tag": "x"}"#).proxySettings.tag == "x")
        let layered = try sender(#""proxySettings": {"tag": "x", "transportLayer": true}"#)
        #expect(!layered.hasProxySettings)
        #expect(layered.streamSettings.socketSettings.dialerProxy == "x")
        #expect(
            refusal(
                #"{"outbounds": [{"protocol": "freedom", "proxySettings": {"tag": "x"}, "streamSettings": {"sockopt": {"dialerProxy": "y"}}}]}"#
            ) == "outbounds[0].proxySettings: proxySettings.tag does not go together with sockopt.dialerProxy")
        #expect(
            refusal(#"{"outbounds": [{"protocol": "freedom", "proxySettings": {}}]}"#)
                == "outbounds[0].proxySettings: proxySettings need a tag")
    }

    @Test(arguments: [
        ("UseIPv4v6", Xray_Transport_Internet_DomainStrategy.useIp46), ("forceip", .forceIp), ("", .asIs),
        ("AsIs", .asIs),
    ])
    func strategiesAreNamed(name: String, strategy: Xray_Transport_Internet_DomainStrategy) throws {
        #expect(try sender(#""targetStrategy": "\#(name)""#).targetStrategy == strategy)
    }

    @Test(arguments: [
        (#"{"tag": "x"}"#, "outbounds[0]: an outbound needs a protocol"),
        (#"{"protocol": "nope"}"#, "outbounds[0].protocol: unknown outbound protocol \"nope\""),
        (
            #"{"protocol": "fredom"}"#,
            "outbounds[0].protocol: unknown outbound protocol \"fredom\"; did you mean \"freedom\"?"
        ),
        (#"{"protocol": "freedom", "targetStrategy": "x"}"#, "outbounds[0].targetStrategy: unknown strategy"),
    ])
    func badOutboundsAreRefused(outbound: String, message: String) {
        #expect(refusal(#"{"outbounds": [\#(outbound)]}"#)?.hasPrefix(message) == true)
    }

    @Test(arguments: ["8.8.8.8", "2606:4700::1", "example.com", "localhost.example.com"])
    func publicServersNeedEncryption(address: String) {
        let vless = #"{"address": "\#(address)", "port": 1, "id": "a", "encryption": "none"}"#
        #expect(
            outboundRefusal("vless", vless)
                == "outbounds[0].settings.address: vless without TLS or other encryption needs a private server address"
        )
        #expect(
            refusal(
                #"{"outbounds": [{"protocol": "vless", "settings": \#(vless), "streamSettings": {"security": "tls"}}]}"#
            ) == nil)
        #expect(outboundRefusal("trojan", #"{"address": "\#(address)", "port": 1, "password": "p"}"#) != nil)
        #expect(
            outboundRefusal(
                "vless",
                #"{"vnext": [{"address": "\#(address)", "port": 1, "users": [{"id": "a", "encryption": "none"}]}]}"#)
                == nil)
    }

    @Test(arguments: [
        "127.0.0.1", "10.9.8.7", "::1", "fd00::1", "192.168.1.1", "169.254.1.1", "localhost", "box", "a.lan",
        "x.home.arpa.", "B.Local",
    ])
    func privateServersMayGoWithout(address: String) {
        #expect(
            outboundRefusal("vless", #"{"address": "\#(address)", "port": 1, "id": "a", "encryption": "none"}"#) == nil)
    }
}
