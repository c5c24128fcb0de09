// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyConfig
import ProxyModel
import Testing
import XrayProtos

struct SectionTests {
    @Test func logsDifferForAbsentAndEmpty() throws {
        #expect(try load("{}").log.access == .none)
        #expect(try load(#"{"log": null}"#).log.access == .none)
        #expect(try load(#"{"log": {}}"#).log.access == .console)
        #expect(try load("{}").log.error == .console)
        let log = try load(#"{"log": {"access": "/a.log", "error": "none", "loglevel": "DEBUG", "dnsLog": true}}"#).log
        #expect(log.access == .file(path: "/a.log") && log.error == .none && log.level == .debug && log.dnsLog)
        let off = try load(#"{"log": {"loglevel": "none"}}"#).log
        #expect(off.access == .none && off.error == .none)
        #expect(try load(#"{"log": {"loglevel": "loud"}}"#).log.level == .warning)
    }

    @Test(arguments: ["half", "/16+/64", "/24", "+/64", "", "full"])
    func masksAreRead(mask: String) throws {
        #expect(try load(#"{"log": {"maskAddress": "\#(mask)"}}"#).log.maskAddress == mask)
    }

    @Test(arguments: ["/7", "/40", "x", "/16+x", "/-8"])
    func otherMasksAreRefused(mask: String) {
        #expect(refusal(#"{"log": {"maskAddress": "\#(mask)"}}"#)?.hasPrefix("log.maskAddress: ") == true)
    }

    @Test func servicesAreNamedInAnyCase() throws {
        let configuration = try load(
            #"{"api": {"tag": "api", "listen": ":1", "services": ["handlerservice", "Wrong", "StatsService"]}}"#)
        #expect(configuration.api == APIConfiguration(tag: "api", listen: ":1", services: [.handler, .stats]))
        #expect(configuration.warnings.count == 1)
    }

    @Test(arguments: [
        (#"{"api": {"services": []}}"#, "api: the API needs a tag that is not empty"),
        (#"{"api": {"tag": ""}}"#, "api.tag: the API needs a tag that is not empty"),
        (#"{"api": {"tag": "a", "services": [1]}}"#, "api.services[0]: a text is needed, found the number 1"),
        (
            #"{"api": {"tag": "a", "services": ["ObservatoryService"]}}"#,
            "api: ObservatoryService needs an observatory or a burstObservatory"
        ),
        (
            #"{"policy": {"levels": {"0": {"handshake": -1}}}}"#,
            "policy.levels.0.handshake: a whole number from 0 to 4294967295 is needed, found the number -1"
        ),
        (
            #"{"policy": {"levels": {"x": {}}}}"#,
            "policy.levels.x: a level is a number from 0 to 4294967295, found \"x\""
        ),
        (
            #"{"policy": {"levels": {"0": {"bufferSize": 9999999}}}}"#,
            "policy.levels.0.bufferSize: at most 2097151 kilobytes, found 9999999"
        ),
        (#"{"metrics": {}}"#, "metrics: metrics need a tag or an address to listen on"),
        (
            #"{"observatory": {"probeInterval": 10}}"#,
            "observatory.probeInterval: a duration such as \"10s\" is needed, found the number 10"
        ),
        (#"{"burstObservatory": {}}"#, "burstObservatory: a burst observatory needs a pingConfig"),
        (#"{"reverse": {}}"#, "reverse: the reverse section was removed; use VLESS reverse proxies"),
        (
            #"{"transport": {"tcpSettings": {"a": 1}}}"#,
            "transport: the global transport section was removed; use streamSettings of inbounds and outbounds"
        ),
        (#"{"inbounds": {}}"#, "inbounds: a list is needed, found an object"),
        (#"{"log": 1}"#, "log: an object is needed, found the number 1"),
        (#"{"env": {"a": 1}}"#, "env.a: a text is needed, found the number 1"),
        (#"{"version": {"min": "99"}}"#, "version.min: written for 99 or later; this is the language of 26.7.28"),
        (#"{"version": {"max": "1.2"}}"#, "version.max: written for 1.2 or earlier; this is the language of 26.7.28"),
        (#"{"version": {"min": "x"}}"#, "version.min: not a version: \"x\""),
        (
            #"{"outbounds": [{"protocol": "direct", "tag": "a"}, {"protocol": "block", "tag": "a"}]}"#,
            "outbounds[1]: duplicate outbound tag: a"
        ),
        (
            #"{"inbounds": [{"protocol": "http", "port": 1, "tag": "a"}, {"protocol": "http", "port": 2, "tag": "a"}]}"#,
            "inbounds[1]: duplicate inbound tag: a"
        ),
        ("[]", "configuration:1:1: a configuration is an object, found a list"),
    ])
    func badSectionsAreRefused(text: String, message: String) {
        #expect(refusal(text) == message)
    }

    @Test func policiesKeepWhatIsAbsent() throws {
        let policy = try #require(
            try load(
                #"{"policy": {"levels": {"0": {"handshake": 4, "statsUserUplink": true}, "7": {"bufferSize": -5}, "8": {"bufferSize": 2}, "9": null}, "system": {"statsInboundUplink": true}}}"#
            ).policy)
        #expect(policy.level.keys.sorted() == [0, 7, 8])
        #expect(policy.level[0]?.timeout.handshake.value == 4)
        #expect(policy.level[0]?.timeout.hasConnectionIdle == false)
        #expect(policy.level[0]?.stats.userUplink == true && policy.level[0]?.hasBuffer == false)
        #expect(policy.level[7]?.buffer.connection == -1 && policy.level[8]?.buffer.connection == 2048)
        #expect(policy.system.stats.inboundUplink && !policy.system.stats.outboundUplink)
    }

    @Test func observatoriesAreRead() throws {
        let configuration = try load(
            #"{"observatory": {"subjectSelector": ["a"], "probeURL": "u", "probeInterval": "5m"}, "burstObservatory": {"subjectSelector": ["b"], "pingConfig": {"interval": "1m", "sampling": 3}}}"#
        )
        #expect(configuration.observatory?.probeInterval == 300_000_000_000)
        #expect(configuration.burstObservatory?.pingConfig.httpMethod == "HEAD")
        #expect(configuration.burstObservatory?.pingConfig.samplingCount == 3)
    }

    @Test func smallSections() throws {
        let configuration = try load(
            #"{"stats": {}, "metrics": {"listen": "127.0.0.1:1"}, "version": {"min": "26.1", "max": "27"}, "env": {"A": "b"}, "fakeDns": {"ipPool": "198.18.0.0/16", "poolSize": 9}}"#
        )
        #expect(configuration.statsEnabled && configuration.metrics?.tag == "Metrics")
        #expect(configuration.environment == ["A": "b"])
        #expect(configuration.fakeDNS?.pools.map(\.lruSize) == [9])
        #expect(try load("{}").statsEnabled == false)
    }

    @Test func dnsServersAndHosts() throws {
        let configuration = try load(
            #"""
            {"dns": {"servers": ["1.1.1.1", "localhost", {"address": "fakedns", "domains": ["full:x"]},
                {"address": "8.8.8.8", "port": 5353, "expectIPs": ["*", "10.0.0.0/8"], "disableCache": true, "clientIp": "1.2.3.4"}],
             "hosts": {"a.b": "127.0.0.1", "domain:c": ["::1", "1.1.1.1"], "d": "e.f"}, "queryStrategy": "UseIPv4", "tag": "t"}}
            """#)
        let dns = try #require(configuration.dns)
        #expect(dns.nameServer.map(\.policyID) == [1, 1, 2, 3])
        #expect(dns.nameServer[3].actPrior && dns.nameServer[3].expectedIp.count == 1 && dns.nameServer[3].disableCache)
        #expect(dns.nameServer[3].address.port == 5353 && dns.nameServer[3].address.network == .udp)
        #expect(dns.staticHosts.map(\.domain.custom.type) == [.full, .domain, .full])
        #expect(dns.staticHosts.map(\.ip.count) == [1, 2, 0])
        #expect(dns.staticHosts[2].proxiedDomain == "e.f")
        #expect(dns.queryStrategy == .useIp4)
        #expect(configuration.fakeDNS?.pools.map(\.ipPool) == ["198.18.0.0/15"])
        #expect(refusal(#"{"dns": {"servers": [{}]}}"#) == "dns.servers[0]: a name server needs an address")
        #expect(refusal(#"{"dns": {"clientIp": "x"}}"#)?.hasPrefix("dns.clientIp: not an IP address") == true)
    }
}
