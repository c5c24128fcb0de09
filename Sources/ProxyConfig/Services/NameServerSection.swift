// SPDX-License-Identifier: Apache-2.0
import JSONText
import ProxyModel
import XrayProtos

/// One element of `dns.servers`: an address, or an object.
enum NameServerSection {
    /// What two servers must share to be asked under one policy.
    struct Policy: Hashable {
        var clientIP: String?
        var skipFallback = false
        var queryStrategy = ""
        var tag = ""
        var domains: [String] = []
        var expected: [String] = []
        var expect: [String] = []
        var unexpected: [String] = []
    }

    static func decode(_ node: ConfigNode) throws -> (Xray_App_Dns_NameServer, Policy) {
        var server = Xray_App_Dns_NameServer()
        server.address.network = .udp
        if case .string = node.node.value {
            server.address.address = try node.ipOrDomain()
            return (server, Policy())
        }
        return try node.object { object in
            var policy = Policy()
            guard let address = object["address"] else { throw node.error("a name server needs an address") }
            server.address.address = try address.ipOrDomain()
            server.address.port = try UInt32(object.integer("port", as: UInt16.self))
            if let client = object["clientIp"] {
                server.clientIp = try DNSSection.clientIP(client)
                policy.clientIP = try client.address().description
            }
            server.skipFallback = try object.bool("skipFallback")
            policy.skipFallback = server.skipFallback
            policy.queryStrategy = folded(try object.string("queryStrategy"))
            server.queryStrategy = DNSSection.queryStrategy(try object.string("queryStrategy"))
            server.tag = try object.string("tag")
            policy.tag = folded(server.tag)
            server.timeoutMs = try object.integer("timeoutMs")
            server.finalQuery = try object.bool("finalQuery")
            if let value = try object["disableCache"]?.bool() { server.disableCache = value }
            if let value = try object["serveStale"]?.bool() { server.serveStale = value }
            if let value = try object.optionalInteger("serveExpiredTTL", as: UInt32.self) {
                server.serveExpiredTtl = value
            }
            try decodeRules(of: &server, policy: &policy, from: object)
            return (server, policy)
        }
    }

    private static func decodeRules(
        of server: inout Xray_App_Dns_NameServer, policy: inout Policy, from object: ObjectReader
    ) throws {
        server.domain = try object["domains"]?.domainRules() ?? []
        let expectedIPs = object["expectedIPs"]
        let expectIPs = object["expectIPs"]
        let unexpectedIPs = object["unexpectedIPs"]
        let isGiven = try expectedIPs.map { try !$0.strings().isEmpty } ?? false
        if let expected = isGiven ? expectedIPs : expectIPs {
            let texts = try expected.strings()
            server.actPrior = texts.contains("*")
            server.expectedIp = try expected.ipRules(texts.filter { $0 != "*" })
        }
        if let unexpected = unexpectedIPs {
            let texts = try unexpected.strings()
            server.actUnprior = texts.contains("*")
            server.unexpectedIp = try unexpected.ipRules(texts.filter { $0 != "*" })
        }
        let list = { (node: ConfigNode?) in try (node?.strings() ?? []).map(folded).sorted() }
        policy.domains = try list(object["domains"])
        policy.expected = try list(isGiven ? expectedIPs : expectIPs)
        policy.expect = try list(expectIPs)
        policy.unexpected = try list(unexpectedIPs)
    }

    private static func folded(_ text: String) -> String { String(text.lowercased()[...].trimmed) }
}
