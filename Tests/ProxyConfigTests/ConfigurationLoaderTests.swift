import Foundation
import ProxyConfig
import ProxyModel
import Testing
// SPDX-License-Identifier: Apache-2.0
import XrayProtos

struct ConfigurationLoaderTests {
    private func loaded(_ files: [(name: String, text: String)], input: String = "") throws -> CoreConfiguration {
        try withTemporaryFolder { folder in
            for file in files where file.name != "stdin:" { try write(file.text, to: "\(folder)/\(file.name)") }
            let loader = ConfigurationLoader(environment: [:]) { Data(input.utf8) }
            return try loader.load(files.map { $0.name == "stdin:" ? $0.name : "\(folder)/\($0.name)" })
        }
    }

    private func outbounds(_ tags: String...) -> String {
        #"{"outbounds": [\#(tags.map { #"{"protocol": "direct", "tag": "\#($0)"}"# }.joined(separator: ", "))]}"#
    }

    @Test func laterOutboundsGoFirstUnlessTheNameSaysTail() throws {
        let base = ("a.json", outbounds("x", "y"))
        #expect(try loaded([base, ("b.json", outbounds("z", "y", "w"))]).outbounds.map(\.tag) == ["z", "w", "x", "y"])
        #expect(try loaded([base, ("Tail.json", outbounds("z"))]).outbounds.map(\.tag) == ["x", "y", "z"])
    }

    @Test func laterInboundsAreAppendedOrReplace() throws {
        let inbound = { (tag: String, port: Int) in #"{"protocol": "http", "tag": "\#(tag)", "port": \#(port)}"# }
        let configuration = try loaded([
            ("a.json", #"{"inbounds": [\#(inbound("x", 1)), {"protocol": "http", "port": 2}]}"#),
            ("b.json", #"{"inbounds": [\#(inbound("y", 3)), {"protocol": "socks", "port": 4}]}"#),
        ])
        #expect(configuration.inbounds.map(\.tag) == ["x", "", "y"])
        #expect(configuration.inbounds[1].proxySettings.type == "xray.proxy.socks.ServerConfig")
        #expect(configuration.inboundPlaces.map(\.keyPath) == ["inbounds[0]", "inbounds[1]", "inbounds[0]"])
    }

    @Test func sectionsAreReplacedAndVariablesMerged() throws {
        let configuration = try loaded([
            ("a.json", #"{"log": {"loglevel": "debug", "dnsLog": true}, "env": {"A": "1", "B": "1"}, "stats": {}}"#),
            ("b.json", #"{"log": {"loglevel": "error"}, "env": {"B": "2"}, "stats": null}"#),
        ])
        #expect(configuration.log.level == .error && !configuration.log.dnsLog)
        #expect(configuration.environment == ["A": "1", "B": "2"])
        #expect(configuration.statsEnabled)
    }

    @Test func standardInputIsAFile() throws {
        #expect(try loaded([("stdin:", "")], input: outbounds("x")).outbounds.count == 1)
    }

    @Test func errorsNameFileLineAndKeyPath() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/c.json"
            try write("{\n  \"inbounds\": [\n    {\"protocol\": \"http\", \"port\": \"x\"}]}", to: path)
            #expect {
                try ConfigurationLoader(environment: [:]).load([path])
            } throws: {
                "\($0)" == "\(path):3:34: inbounds[0].port: not a port or a range of ports: \"x\""
            }
        }
    }

    @Test(arguments: [
        ("c.yaml", "the format yaml is not supported; write JSON"),
        ("c.toml", "the format toml is not supported; write JSON"),
        ("c.pb", "the format pb is not supported; write JSON"),
        ("c.txt", "unknown format \"txt\" (known: json, jsonc)"),
        ("c", "unknown format \"\" (known: json, jsonc)"), ("none.json", "the file cannot be read"),
    ])
    func otherFilesAreRefused(name: String, message: String) {
        #expect {
            try ConfigurationLoader(environment: [:]).load(["/nowhere/\(name)"])
        } throws: {
            "\($0)" == "/nowhere/\(name): \(message)"
        }
    }

    @Test func strictReadingForbidsComments() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/c.jsonc"
            try write("{} // behind the top object nothing counts", to: path)
            try write("/* here it does */ {}", to: path)
            #expect(throws: Never.self) { try ConfigurationLoader(environment: [:]).load([path]) }
            #expect(throws: ConfigurationError.self) {
                try ConfigurationLoader(environment: ["XRAY_JSON_STRICT": "true"]).load([path])
            }
        }
    }

    @Test(arguments: [
        ("{} // one\n\n# two\n", nil),
        ("{ \"log\": {} },\n\"inbounds\": [] }", "configuration:1:14"),
        ("{}\n/* one */ {}", "configuration:2:11"),
        ("{} /* open", "configuration:1:4"),
    ])
    func textBehindTheEndIsWarnedOf(text: String, place: String?) throws {
        let warnings = try load(text).warnings.map(\.description)
        #expect(
            warnings
                == (place.map { ["\($0): the configuration has ended before this; the rest of the file is not read"] }
                    ?? []))
    }

    @Test func unknownKeysAreWarnedOf() throws {
        let configuration = try load(
            #"{"outbound": [], "nonsense": 1, "inbounds": [{"protocol": "http", "port": 1, "settings": {"acounts": []}}]}"#
        )
        #expect(
            configuration.warnings.map { "\($0.place.keyPath): \($0.message)" } == [
                "nonsense: unknown key", "outbound: unknown key; did you mean \"outbounds\"?",
                "inbounds[0].settings.acounts: unknown key; did you mean \"accounts\"?",
            ])
    }

    @Test func noDelayIsKnownAndCannotBeSwitchedOff() throws {
        func warnings(_ value: String) throws -> [String] {
            try load(
                #"{"outbounds": [{"protocol": "freedom", "streamSettings": {"sockopt": {"tcpNoDelay": \#(value)}}}]}"#
            ).warnings.map { "\($0.place.keyPath): \($0.message)" }
        }
        #expect(try warnings("true").isEmpty)
        #expect(
            try warnings("false") == [
                "outbounds[0].streamSettings.sockopt.tcpNoDelay: it cannot be switched off: nothing that is written is held back"
            ])
    }

    @Test func warningsBeyondAHundredAreCounted() throws {
        let keys = (0..<150).map { #""zz\#($0)": 1"# }.joined(separator: ", ")
        let warnings = try load("{\(keys)}").warnings
        #expect(warnings.count == 101)
        #expect(warnings.last?.message == "and 50 more warnings")
    }

    @Test func rulesToNowhereAreWarnedOf() throws {
        let configuration = try load(
            #"{"api": {"tag": "api"}, "routing": {"rules": [{"port": 1, "outboundTag": "gone"}, {"port": 2, "outboundTag": "api"}]}}"#
        )
        #expect(configuration.warnings.map(\.place.keyPath) == ["routing.rules[0]"])
        #expect(configuration.rulePlaces.map(\.keyPath) == ["routing.rules[0]", "routing.rules[1]"])
    }

    @Test func eachPrefixOfAConfigurationIsRefused() {
        let text =
            #"{"inbounds": [{"protocol": "vless", "port": "1-5", "settings": {"decryption": "none", "clients": [{"id": "a"}]}}], "routing": {"rules": [{"ip": ["::1"], "outboundTag": "x"}]}}"#
        for count in 0..<text.utf8.count {
            #expect(refusal(String(text.prefix(count))) != nil)
        }
        #expect(refusal(text) == nil)
    }
}
