// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import TestSupport
import Testing

/// Users that the API adds to a running core and removes from it, with other people's clients and live traffic.
@Suite(.serialized) struct APIUserTests {
    /// A protocol whose inbound knows alice from its configuration, and what the API calls its accounts.
    struct Kind: Sendable, CustomTestStringConvertible {
        var name: String
        var account: String
        var client = InteropProgram.v2ray
        /// The `settings` of the inbound, with `USER` for alice's.
        var settings: String
        /// A user of the inbound, as configurations write it.
        var user: @Sendable (Secret) -> String
        /// The account for the API, without its type.
        var fields: @Sendable (Secret) -> String
        /// The `settings` of a client's outbound, with `PORT` for the server's.
        var outbound: @Sendable (Secret) -> String

        var testDescription: String { account }
    }

    /// Who somebody is to any of the protocols.
    struct Secret: Sendable {
        var name: String
        var email: String { "\(name)@example.com" }
        var id: String { "00000000-0000-4000-8000-0000000000\(String(name.utf8.first ?? 0, radix: 16))" }
        var password: String { "the password of \(name)" }
        var key: String { Data(repeating: name.utf8.first ?? 0, count: 16).base64EncodedString() }
    }

    private static func byPassword(_ name: String, settings: String, type: String) -> Kind {
        Kind(
            name: name, account: type, settings: settings,
            user: { #"{"user": "\#($0.email)", "pass": "\#($0.password)"}"# },
            fields: { #""username": "\#($0.name)", "password": "\#($0.password)""# },
            outbound: { who in
                let name = who.name == "alice" ? who.email : who.name
                return """
                    {"servers": [{"address": "127.0.0.1", "port": PORT,
                      "users": [{"user": "\(name)", "pass": "\(who.password)"}]}]}
                    """
            })
    }

    private static let serverKey = Data(repeating: 7, count: 16).base64EncodedString()

    static let kinds: [Kind] = [
        Kind(
            name: "vless", account: "vless.Account", settings: #"{"decryption": "none", "clients": [USER]}"#,
            user: { #"{"id": "\#($0.id)", "email": "\#($0.email)"}"# },
            fields: { #""id": "\#($0.id)""# },
            outbound: {
                """
                {"vnext": [{"address": "127.0.0.1", "port": PORT, "users": [{"id": "\($0.id)", "encryption": "none"}]}]}
                """
            }),
        Kind(
            name: "vmess", account: "vmess.Account", settings: #"{"clients": [USER]}"#,
            user: { #"{"id": "\#($0.id)", "email": "\#($0.email)"}"# },
            fields: { #""id": "\#($0.id)""# },
            outbound: {
                """
                {"vnext": [{"address": "127.0.0.1", "port": PORT, "users": [{"id": "\($0.id)", "alterId": 0}]}]}
                """
            }),
        Kind(
            name: "trojan", account: "trojan.Account", settings: #"{"clients": [USER]}"#,
            user: { #"{"password": "\#($0.password)", "email": "\#($0.email)"}"# },
            fields: { #""password": "\#($0.password)""# },
            outbound: { #"{"servers": [{"address": "127.0.0.1", "port": PORT, "password": "\#($0.password)"}]}"# }),
        Kind(
            name: "shadowsocks", account: "shadowsocks.Account",
            settings: #"{"network": "tcp", "clients": [USER]}"#,
            user: { #"{"method": "aes-256-gcm", "password": "\#($0.password)", "email": "\#($0.email)"}"# },
            fields: { #""password": "\#($0.password)", "cipherType": "AES_256_GCM""# },
            outbound: {
                """
                {"servers": [{"address": "127.0.0.1", "port": PORT, "method": "aes-256-gcm", "password": "\($0.password)"}]}
                """
            }),
        // v2ray 4.34 does not have it.
        Kind(
            name: "shadowsocks", account: "shadowsocks_2022.Account", client: .tidegate,
            settings: """
                {"method": "2022-blake3-aes-128-gcm", "password": "\(serverKey)", "network": "tcp", "clients": [USER]}
                """,
            user: { #"{"password": "\#($0.key)", "email": "\#($0.email)"}"# },
            fields: { #""key": "\#($0.key)""# },
            outbound: {
                """
                {"servers": [{"address": "127.0.0.1", "port": PORT, "method": "2022-blake3-aes-128-gcm",
                  "password": "\(serverKey):\($0.key)"}]}
                """
            }),
        byPassword("socks", settings: #"{"auth": "password", "accounts": [USER]}"#, type: "socks.Account"),
        byPassword("http", settings: #"{"accounts": [USER]}"#, type: "http.Account"),
    ]

    @Test(arguments: kinds)
    func usersComeAndGoWhileTrafficFlows(_ kind: Kind) async throws {
        let echo = try EchoServer()
        try await offPool {
            let stage = try Stage(kind, echo: echo.port)
            do {
                try stage.play()
            } catch {
                Issue.record("\(error)\n\(stage.output)")
            }
        }
        echo.stop()
    }

    /// A core with the API, and a client with a tunnel for each of two users, of whom the core knows the first.
    private final class Stage {
        private let kind: Kind
        private let alice = Secret(name: "alice")
        private let bob = Secret(name: "bob")
        private let api: UInt16
        private let tunnels: [UInt16]
        private let server: TidegateProcess
        private let client: any InteropProcess

        init(_ kind: Kind, echo: UInt16) throws {
            self.kind = kind
            api = try TCPClient.freePort()
            tunnels = [try TCPClient.freePort(), try TCPClient.freePort()]
            let between = try TCPClient.freePort()
            server = try TidegateProcess(
                configuration: """
                    {"log": {"loglevel": "info", "access": "none"}, "stats": {},
                     "api": {"tag": "api", "listen": "127.0.0.1:\(api)", "services": ["HandlerService", "StatsService"]},
                     "policy": {"levels": {"0": {"statsUserUplink": true, "statsUserDownlink": true}}},
                     "inbounds": [{"tag": "in", "listen": "127.0.0.1", "port": \(between), "protocol": "\(kind.name)",
                       "settings": \(kind.settings.replacingOccurrences(of: "USER", with: kind.user(alice)))}],
                     "outbounds": [{"protocol": "freedom", "settings": {"finalRules": [{"action": "allow"}]}}]}
                    """)
            try server.start(waitingFor: api)
            let inbounds = tunnels.enumerated().map { index, port in
                """
                {"tag": "in\(index)", "listen": "127.0.0.1", "port": \(port), "protocol": "dokodemo-door",
                 "settings": {"address": "127.0.0.1", "port": \(echo), "network": "tcp"}}
                """
            }
            let outbounds = [alice, bob].enumerated().map { index, who in
                """
                {"tag": "out\(index)", "protocol": "\(kind.name)",
                 "settings": \(kind.outbound(who).replacingOccurrences(of: "PORT", with: "\(between)"))}
                """
            }
            let configuration = """
                {"log": {"loglevel": "info", "access": "none"}, "inbounds": [\(inbounds.joined(separator: ","))],
                 "outbounds": [\(outbounds.joined(separator: ","))],
                 "routing": {"rules": [{"type": "field", "inboundTag": ["in1"], "outboundTag": "out1"}]}}
                """
            client =
                switch kind.client {
                case .v2ray: try PeerProcess.v2ray(configuration)
                case .tidegate: try TidegateProcess(configuration: configuration)
                }
            try client.start(waitingFor: tunnels[1])
        }

        var output: String { "client: \(client.output)\nserver: \(server.output)" }

        func play() throws {
            let traffic = try Traffic(port: tunnels[0])
            try expect(!isServed(1), "bob is served before he was added")
            try add(bob)
            let open = try TCPClient(port: tunnels[1], timeout: 30)
            try BytePattern().exchange(with: open, bytes: 4 << 20)
            try expect(count() == "2", "there are not two users")
            // Others come and go meanwhile.
            for name in ["carol", "dave", "erin"] {
                try add(Secret(name: name))
                try remove(Secret(name: name))
            }
            try remove(bob)
            try expect(!isServed(1), "bob is served after he was removed")
            try BytePattern().exchange(with: open, bytes: 1 << 20)
            try add(bob)
            try expect(isServed(1), "bob is not served after he was added again")
            try remove(alice)
            try expect(!isServed(0), "alice is served after she was removed")
            let rounds = try traffic.stop()
            try expect(rounds > 20, "only \(rounds) messages went through alice's connection")
            try expect(counter("user>>>\(bob.email)>>>traffic>>>downlink") > 5 << 20, "bob's traffic is not counted")
            try expect(counter("rejected>>>in>>>") > 1, "what was refused is not counted")
        }

        private func expect(_ holds: Bool, _ failure: String) throws {
            guard holds else { throw Failure(failure) }
        }

        /// A new connection through that tunnel is answered.
        private func isServed(_ tunnel: Int) -> Bool {
            guard let client = try? TCPClient(port: tunnels[tunnel], timeout: 2) else { return false }
            // Some protocols read a good deal before they give up.
            return (try? client.send([UInt8](repeating: 1, count: 3_000))) != nil
                && (try? client.receive(exactly: 3_000)) != nil
        }

        private func add(_ who: Secret) throws {
            try alter(
                """
                {"_TypedMessage_": "xray.app.proxyman.command.AddUserOperation", "user": {"email": "\(who.email)",
                 "account": {"_TypedMessage_": "xray.proxy.\(kind.account)", \(kind.fields(who))}}}
                """)
        }

        private func remove(_ who: Secret) throws {
            try alter(
                #"{"_TypedMessage_": "xray.app.proxyman.command.RemoveUserOperation", "email": "\#(who.email)"}"#)
        }

        private func alter(_ operation: String) throws {
            _ = try call("AlterInbound", #"{"tag": "in", "operation": \#(operation)}"#)
        }

        private func count() throws -> String {
            String(try call("GetInboundUsersCount", #"{"tag": "in"}"#).filter(\.isNumber))
        }

        /// The sum of the counters whose names contain the text.
        private func counter(_ pattern: String) throws -> Int {
            let answer = try call("QueryStats", #"{"pattern": "\#(pattern)"}"#)
            let object = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
            let stats = object?["stat"] as? [[String: Any]] ?? []
            return stats.compactMap { ($0["value"] as? String).flatMap(Int.init) }.reduce(0, +)
        }

        private func call(_ method: String, _ request: String) throws -> String {
            let result = try TidegateProcess.run(
                ["api", "call", "-server", "127.0.0.1:\(api)", "--json", method, request])
            guard result.status == 0 else { throw Failure("\(method) \(request): \(result.errors)") }
            return result.output
        }
    }
}

/// A connection on which messages go back and forth until it is stopped.
private final class Traffic: Sendable {
    private let state = Mutex<(isStopped: Bool, rounds: Int, failure: String?)>((false, 0, nil))
    private let ended = DispatchSemaphore(value: 0)

    init(port: UInt16) throws {
        nonisolated(unsafe) let client = try TCPClient(port: port, timeout: 30)
        Thread { [self] in
            let message = [UInt8](repeating: 3, count: 2_000)
            while !state.withLock({ $0.isStopped }) {
                do {
                    try client.send(message)
                    guard try client.receive(exactly: message.count) == message else { throw Failure("other bytes") }
                    state.withLock { $0.rounds += 1 }
                } catch {
                    state.withLock { $0.failure = "\(error)" }
                    break
                }
                usleep(2_000)
            }
            ended.signal()
        }.start()
    }

    /// - Throws: When the connection failed meanwhile.
    func stop() throws -> Int {
        state.withLock { $0.isStopped = true }
        ended.wait()
        return try state.withLock { state in
            if let failure = state.failure { throw Failure("alice's connection: \(failure)") }
            return state.rounds
        }
    }
}
