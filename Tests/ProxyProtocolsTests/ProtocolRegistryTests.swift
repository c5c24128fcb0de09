// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyCore
import Routing
import Testing
import XrayProtos

@testable import ProxyProtocols

struct ProtocolRegistryTests {
    private let registry = ProtocolRegistry.all

    @Test(arguments: [
        ("xray.proxy.vless.inbound.Config", "vless"), ("xray.proxy.socks.ServerConfig", "socks"),
        ("xray.proxy.http.ServerConfig", "http"), ("xray.proxy.trojan.ServerConfig", "trojan"),
        ("xray.proxy.vmess.inbound.Config", "vmess"), ("xray.proxy.shadowsocks.ServerConfig", "shadowsocks"),
    ])
    func makesInboundsFromEmptySettings(type: String, name: String) throws {
        #expect(try registry.makeInbound(typed(type))?.name == name)
        #expect(try registry.makeOutbound(typed(type), assets: AssetDirectory()) == nil)
    }

    @Test(arguments: [
        ("xray.proxy.freedom.Config", "freedom"), ("xray.proxy.blackhole.Config", "blackhole"),
        ("xray.proxy.loopback.Config", "loopback"), ("xray.proxy.dns.Config", "dns"),
    ])
    func makesOutboundsFromEmptySettings(type: String, name: String) throws {
        #expect(try registry.makeOutbound(typed(type), assets: AssetDirectory())?.name == name)
        #expect(try registry.makeInbound(typed(type)) == nil)
    }

    @Test(arguments: [
        ("xray.proxy.nothing.Config", [UInt8](), "proto: not found"),
        ("xray.proxy.socks.ServerConfig", [0xff], "proto: cannot parse invalid wire-format data"),
        ("xray.app.router.Config", [], "common: *router.Config is not registered"),
        (
            "xray.proxy.wireguard.DeviceConfig", [],
            "proxy/wireguard: not available in this build: wireguard as an inbound; use vless, vmess, trojan or shadowsocks"
        ),
        (
            "xray.proxy.tun.Config", [],
            "proxy/tun: not available in this build: tun as an inbound; use socks, or a tunnel with followRedirect"
        ),
    ])
    func whatCannotBeMadeIsRefusedByName(type: String, value: [UInt8], message: String) {
        #expect(throws: ControlError(message)) { try registry.makeInbound(typed(type, value)) }
    }

    @Test func everyProxySettingsTypeIsKnown() throws {
        let kinds = [
            "Config", "ServerConfig", "ClientConfig", "DeviceConfig", "MultiUserServerConfig", "RelayServerConfig",
        ]
        let settings = TypedMessages.names.filter { name in
            name.hasPrefix("xray.proxy.") && kinds.contains { name.hasSuffix(".\($0)") }
        }
        #expect(settings.count == 25)
        for type in settings {
            do { _ = try registry.makeInbound(typed(type)) } catch {
                #expect(!error.message.contains("is not registered"), "\(type)")
            }
        }
    }
}
