// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import ProxyCore
import ProxyModel
import SwiftProtobuf
import XrayProtos

@testable import ProxyProtocols

extension FuzzTarget {
    /// What clients send first, and the bodies that follow: the same for every way in which the bytes are cut.
    static let handshakes: [FuzzTarget] = [
        handshake("vless", seeds: { vlessSeeds }) { inbound(of: vlessConfig) { try VLESSInbound($0) } },
        handshake("trojan", seeds: { trojanSeeds }) { inbound(of: trojanConfig) { try TrojanInbound($0) } },
        handshake("socks", seeds: { socksSeeds }) { inbound(of: socksConfig) { try SOCKSInbound($0) } },
        handshake("http", seeds: { httpSeeds }) { inbound(of: Xray_Proxy_Http_ServerConfig()) { try HTTPInbound($0) } },
        handshake("shadowsocks", seeds: { [[UInt8](repeating: 7, count: 100)] }) {
            inbound(of: shadowsocksConfig) { try ShadowsocksInbound($0) }
        },
        handshake("vmess", seeds: { [[UInt8](repeating: 7, count: 100)] }) {
            inbound(of: vmessConfig) { try VMessInbound($0) }
        },
        FuzzTarget(
            "vmess-request",
            seeds: {
                [[1] + [UInt8](0..<33) + [5, 0x35, 0, 1, 0, 80, 1, 127, 0, 0, 1] + [1, 2, 3, 4, 5] + [0, 0, 0, 0]]
            }
        ) { bytes in _ = try? VMessRequest(ByteBuffer(bytes: bytes)) },
    ]

    private static func handshake(
        _ name: String, seeds: @escaping @Sendable () -> [[UInt8]],
        _ make: @escaping @Sendable () -> (any InboundProtocol)?
    ) -> FuzzTarget {
        FuzzTarget("handshake-\(name)", seeds: seeds) { bytes in
            // An inbound each, for those that remember what they have seen.
            guard let first = make(), let second = make() else { preconditionFailure("\(name) cannot be set up") }
            let whole = outcome(first.accept(connection), bytes, piece: max(bytes.count, 1))
            let cut = outcome(second.accept(connection), bytes, piece: 1)
            require(whole == cut, "the same octet by octet:\n\(whole)\n\(cut)")
        }
    }

    /// What a handshake and the body after it came to, in a form that can be compared.
    private static func outcome(_ handshake: any StreamHandshake, _ bytes: [UInt8], piece: Int) -> [String] {
        var handshake = handshake
        var buffer = ByteBuffer()
        var rest = bytes[...]
        var said: [String] = []
        while true {
            let step = handshake.receive(&buffer)
            switch step {
            case .needMore:
                guard !rest.isEmpty else { return said + ["needs more"] }
                buffer.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
            case .reply(let reply):
                require(said.count < 16, "replies end")
                said.append("reply \(Array(reply.readableBytesView))")
            case .stream(let request):
                said.append("stream to \(request.target) of \(request.user?.email ?? "nobody")")
                guard let codec = request.codec else { return said }
                return said + [body(buffer, rest, piece: piece) { try codec.decode(&$0) }]
            case .packets(let request):
                said.append("datagrams to \(request.target) of \(request.user?.email ?? "nobody")")
                let target = request.target
                return said + [
                    body(buffer, rest, piece: piece) { try request.codec.decode(&$0, defaultTarget: target)?.payload }
                ]
            case .associate(let request):
                return said + ["associate for \(request.user?.email ?? "nobody")"]
            case .fallback(let request):
                return said + ["fallback to \(request.dial.target): \(request.reason)"]
            case .reject(let rejection):
                return said + ["reject: \(rejection.reason)"]
            }
        }
    }

    private static func body(
        _ first: ByteBuffer, _ rest: ArraySlice<UInt8>, piece: Int, _ decode: (inout ByteBuffer) throws -> ByteBuffer?
    ) -> String {
        var buffer = first
        var rest = rest
        var payload: [UInt8] = []
        do {
            while true {
                while buffer.readableBytes > 0, let part = try decode(&buffer) { payload += part.readableBytesView }
                guard !rest.isEmpty else { return "payload \(payload)" }
                buffer.writeBytes(rest.prefix(piece))
                rest = rest.dropFirst(piece)
            }
        } catch {
            return "payload \(payload), then an error"
        }
    }

    private static func inbound<Config>(
        of config: Config, _ make: (Config) throws -> any InboundProtocol
    ) -> (any InboundProtocol)? {
        try? make(config)
    }

    private static let connection = AcceptedConnection(
        source: Endpoint(ip: .loopbackV4, port: 50000), local: Endpoint(ip: .loopbackV4, port: 443))

    private static let id = "b831381d-6324-4d53-ad4f-8cda48b30811"

    private static func user(_ account: some SwiftProtobuf.Message) -> Xray_Common_Protocol_User {
        var user = Xray_Common_Protocol_User()
        user.email = "a@x"
        if let typed = try? TypedMessages.pack(account) { user.account = typed }
        return user
    }

    private static var vlessConfig: Xray_Proxy_Vless_Inbound_Config {
        var config = Xray_Proxy_Vless_Inbound_Config()
        config.decryption = "none"
        config.users = [user(Xray_Proxy_Vless_Account.with { $0.id = id })]
        return config
    }

    private static var trojanConfig: Xray_Proxy_Trojan_ServerConfig {
        .with { $0.users = [user(Xray_Proxy_Trojan_Account.with { $0.password = "p" })] }
    }

    private static var shadowsocksConfig: Xray_Proxy_Shadowsocks_ServerConfig {
        .with {
            $0.users = [
                user(
                    Xray_Proxy_Shadowsocks_Account.with {
                        $0.password = "p"
                        $0.cipherType = .aes128Gcm
                    })
            ]
        }
    }

    private static var vmessConfig: Xray_Proxy_Vmess_Inbound_Config {
        .with { $0.user = [user(Xray_Proxy_Vmess_Account.with { $0.id = id })] }
    }

    private static var socksConfig: Xray_Proxy_Socks_ServerConfig {
        .with {
            $0.authType = .password
            $0.accounts = ["u": "p"]
            $0.udpEnabled = true
        }
    }

    private static var vlessSeeds: [[UInt8]] {
        guard let id = UserID(id),
            let stream = VLESS.request(
                id: id, target: Destination(network: .tcp, address: .domain("example.com"), port: 80)),
            let packets = VLESS.request(
                id: id, target: Destination(network: .udp, address: .ip(.loopbackV4), port: 53))
        else { return [] }
        return [
            Array(stream.readableBytesView) + [1, 2, 3], Array(packets.readableBytesView) + [0, 3, 1, 2, 3, 0, 1, 9],
        ]
    }

    private static var trojanSeeds: [[UInt8]] {
        let key = TrojanKey(password: "p")
        let targets = [
            Destination(network: .tcp, address: .domain("example.com"), port: 80),
            Destination(network: .udp, address: .ip(.loopbackV4), port: 53),
        ]
        return targets.compactMap { target in
            Trojan.request(key: key, target: target).map {
                Array($0.readableBytesView) + [1, 127, 0, 0, 1, 0, 53, 0, 2, 13, 10, 7, 7]
            }
        }
    }

    private static let socksSeeds: [[UInt8]] = [
        [5, 1, 2, 1, 1, 0x75, 1, 0x70, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80, 9, 9],
        [5, 2, 0, 2, 1, 1, 0x75, 1, 0x70, 5, 3, 0, 3, 3, 0x61, 0x2E, 0x62, 0, 80],
        [4, 1, 0, 80, 0, 0, 0, 1, 0x75, 0, 0x61, 0x2E, 0x62, 0],
    ]

    private static let httpSeeds: [[UInt8]] = [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\nProxy-Authorization: Basic dTpw\r\n\r\nxyz",
        "GET http://a.b/c?d HTTP/1.1\r\nHost: a.b\r\nProxy-Connection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
    ].map { Array($0.utf8) }
}
