// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyConfig
import Testing
import XrayProtos

struct StreamSectionTests {
    @Test(arguments: [
        ("raw", "tcp"), ("TCP", "tcp"), ("xhttp", "splithttp"), ("kcp", "mkcp"), ("ws", "websocket"),
        ("WebSocket", "websocket"),
        ("grpc", "grpc"), ("httpupgrade", "httpupgrade"), ("hysteria", "hysteria"),
    ])
    func transportsHaveTheirInnerNames(name: String, inner: String) throws {
        #expect(try stream(#"{"network": "\#(name)"}"#).protocolName == inner)
        #expect(try stream(#"{"network": "ws", "method": "\#(name)"}"#).protocolName == inner)
    }

    @Test(arguments: [
        (#"{"network": "warp"}"#, "streamSettings.network: unknown transport: \"warp\""),
        (#"{"network": "h2"}"#, "streamSettings.network: the transport \"h2\" was removed; use xhttp"),
        (#"{"network": "quic"}"#, "streamSettings.network: the transport \"quic\" was removed; use xhttp"),
        (#"{"security": "xtls"}"#, "streamSettings.security: the security \"xtls\" was removed"),
        (#"{"security": "ssl"}"#, "streamSettings.security: unknown security (known: none, tls, reality): \"ssl\""),
        (#"{"security": "reality"}"#, "streamSettings.security: reality needs realitySettings"),
        (
            #"{"security": "reality", "network": "ws"}"#,
            "streamSettings.security: reality works with raw, xhttp and grpc only"
        ),
        (#"{"finalmask": {"tcp": [{"type": "x"}]}}"#, "streamSettings.finalmask: final masks are not supported"),
        (#"{"kcpSettings": {"seed": "x"}}"#, "streamSettings.kcpSettings.seed: the mKCP key seed was removed"),
        (#"{"kcpSettings": {"tti": 1}}"#, "streamSettings.kcpSettings: the tti is 10 to 1000, found 1"),
        (#"{"tcpSettings": {"header": {}}}"#, "streamSettings.tcpSettings.header: a header needs a type"),
        (
            #"{"tcpSettings": {"header": {"type": "x"}}}"#,
            "streamSettings.tcpSettings.header.type: unknown type of header"
        ),
        (
            #"{"httpupgradeSettings": {"headers": {"Host": "x"}}}"#,
            "streamSettings.httpupgradeSettings.headers: the host has a key"
        ),
        (
            #"{"sockopt": {"tcpFastOpen": "x"}}"#,
            "streamSettings.sockopt.tcpFastOpen: true, false or a number is needed"
        ),
        (#"{"sockopt": {"domainStrategy": "x"}}"#, "streamSettings.sockopt.domainStrategy: unknown strategy"),
    ])
    func badSettingsAreRefused(settings: String, message: String) {
        #expect(streamRefusal(settings)?.hasPrefix("outbounds[0].\(message)") == true)
    }

    @Test func webSocketKeepsItsPathWithoutEarlyData() throws {
        let config = try stream(
            #"{"network": "ws", "wsSettings": {"path": "/x?ed=2560", "headers": {"Host": "a.b", "X": "y"}}}"#)
        let settings = try #require(
            try config.transportSettings.first?.settings.typed(as: Xray_Transport_Internet_Websocket_Config.self))
        #expect(settings.path == "/x" && settings.ed == 2560 && settings.host == "a.b" && settings.header == ["X": "y"])
    }

    @Test func otherTransportsAreDecoded() throws {
        let config = try stream(
            #"""
            {"rawSettings": {"acceptProxyProtocol": true, "header": {"type": "http", "request": {"path": ["/a"]}}},
             "grpcSettings": {"serviceName": "s", "idle_timeout": -1}, "kcpSettings": {"mtu": 1200},
             "httpupgradeSettings": {"path": "/u"}, "xhttpSettings": {"path": "/x", "mode": "packet-up"}}
            """#)
        #expect(config.transportSettings.map(\.protocolName) == ["tcp", "splithttp", "mkcp", "grpc", "httpupgrade"])
        let grpc = try config.transportSettings[3].settings.typed(as: Xray_Transport_Internet_Grpc_Encoding_Config.self)
        #expect(grpc?.idleTimeout == 0 && grpc?.serviceName == "s")
        let xhttp = try config.transportSettings[1].settings.typed(as: Xray_Transport_Internet_Splithttp_Config.self)
        #expect(xhttp?.xmux.hMaxRequestTimes.to == 900 && xhttp?.uplinkDataKey == "X-Data")
    }

    private func httpHeader(_ text: String) throws -> Xray_Transport_Internet_Headers_Http_Config {
        let config = try stream(#"{"tcpSettings": {"header": \#(text)}}"#)
        let raw = try config.transportSettings.first?.settings.typed(as: Xray_Transport_Internet_Tcp_Config.self)
        return try #require(try raw?.headerSettings.typed(as: Xray_Transport_Internet_Headers_Http_Config.self))
    }

    @Test func httpHeaderHasTheDefaultsOfTheOriginal() throws {
        let config = try httpHeader(#"{"type": "http"}"#)
        #expect(config.request.uri == ["/"] && !config.request.hasMethod && !config.request.hasVersion)
        #expect(
            config.request.header.map(\.name) == [
                "Host", "User-Agent", "Sec-CH-UA", "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform", "Sec-Fetch-Mode",
                "Sec-Fetch-Dest", "Sec-Fetch-Site", "Sec-Fetch-User", "Accept-Encoding", "Connection", "Pragma",
            ])
        #expect(config.request.header.first?.value == ["www.baidu.com", "www.bing.com"])
        #expect(!config.response.hasStatus && !config.response.hasVersion)
        #expect(
            config.response.header.map(\.name) == [
                "Content-Type", "Transfer-Encoding", "Connection", "Pragma", "Cache-Control",
            ])
    }

    @Test func httpHeaderIsReadAsItIsWritten() throws {
        let config = try httpHeader(
            #"""
            {"type": "http", "request": {"version": "1.0", "method": "POST", "path": ["/a", "/b"],
              "headers": {"X": "y", "Host": ["a", "b"]}}, "response": {"reason": "Fine", "headers": {"Z": []}}}
            """#)
        #expect(config.request.version.value == "1.0" && config.request.method.value == "POST")
        #expect(config.request.uri == ["/a", "/b"])
        #expect(config.request.header.map(\.name) == ["Host", "X"])
        #expect(config.request.header.map(\.value) == [["a", "b"], ["y"]])
        #expect(config.response.status.code == "200" && config.response.status.reason == "Fine")
        #expect(config.response.header.map(\.value) == [[]])
    }

    @Test func socketOptions() throws {
        let socket = try stream(#"{"sockopt": {"mark": 255, "tcpFastOpen": true, "tproxy": "TProxy", "v6only": true}}"#)
            .socketSettings
        #expect(socket.mark == 255 && socket.tfo == 256 && socket.tproxy == .tproxy && socket.v6Only)
        #expect(socket.happyEyeballs.interleave == 1 && socket.happyEyeballs.maxConcurrentTry == 4)
        #expect(try stream(#"{"sockopt": {"tcpFastOpen": false}}"#).socketSettings.tfo == -1)
        #expect(try stream(#"{"sockopt": {"tcpFastOpen": 1e99}}"#).socketSettings.tfo == .max)
    }
}
