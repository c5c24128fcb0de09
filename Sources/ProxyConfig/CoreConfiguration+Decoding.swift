// SPDX-License-Identifier: Apache-2.0
import Foundation
import XrayProtos

extension CoreConfiguration {
    /// Decodes merged files section by section. Nothing is checked across sections.
    init(_ merged: MergedFiles) throws {
        try merged.refuseRemovedSections()
        (inbounds, inboundPlaces) = try Self.decode(merged.inbounds, InboundSection.decode)
        (outbounds, outboundPlaces) = try Self.decode(merged.outbounds, OutboundSection.decode)
        environment = merged.environment
        if let node = merged["log"] {
            log = try LogConfiguration.decode(node)
        }
        api = try merged["api"].map { try APIConfiguration.decode($0) }
        apiPlace = merged["api"]?.place ?? apiPlace
        statsEnabled = merged["stats"] != nil
        policy = try merged["policy"].map { try PolicySection.decode($0) }
        if let node = merged["routing"] {
            router = try RoutingSection.decode(node)
            rulePlaces = Self.places(of: "rules", in: node)
            balancerPlaces = Self.places(of: "balancers", in: node)
        }
        dns = try merged["dns"].map { try DNSSection.decode($0) }
        fakeDNS = try merged["fakeDns"].map { try FakeDNSSection.decode($0) } ?? dns.flatMap(FakeDNSSection.default)
        metrics = try merged["metrics"].map { try MetricsSection.decode($0) }
        observatory = try merged["observatory"].map { try ObservatorySection.decode($0) }
        burstObservatory = try merged["burstObservatory"].map { try BurstObservatorySection.decode($0) }
        version = try merged["version"].map { try VersionSection.decode($0) }
        geodata = try merged["geodata"].map { try GeodataSection.decode($0) }
        automation = try merged["automation"].map { try AutomationSection.decode($0) }
        assetDirectories = merged.contexts.first?.assetDirectories ?? []
        warnings = merged.contexts.flatMap(\.warnings)
    }

    private static func decode<Message>(
        _ nodes: [ConfigNode], _ decoder: (ConfigNode) throws -> Message
    ) throws -> (messages: [Message], places: [ConfigurationPlace]) {
        (try nodes.map(decoder), nodes.map(\.place))
    }

    private static func places(of key: String, in node: ConfigNode) -> [ConfigurationPlace] {
        let elements = try? node.objectReader()[key]?.elements()
        return elements?.map(\.place) ?? []
    }
}

extension FakeDNSSection {
    /// The pools that a DNS section with the server `fakedns` gets where it names none.
    static func `default`(for dns: Xray_App_Dns_Config) -> Xray_App_Dns_Fakedns_FakeDnsPoolMulti? {
        guard dns.nameServer.contains(where: { $0.address.address.domain.lowercased() == "fakedns" }) else {
            return nil
        }
        var pools = Xray_App_Dns_Fakedns_FakeDnsPoolMulti()
        if dns.queryStrategy != .useIp6 { pools.pools.append(.init(pool: "198.18.0.0/15")) }
        if dns.queryStrategy != .useIp4 { pools.pools.append(.init(pool: "fc00::/18")) }
        let size: Int64 = pools.pools.count == 1 ? 65535 : 32768
        for index in pools.pools.indices { pools.pools[index].lruSize = size }
        return pools
    }
}

extension Xray_App_Dns_Fakedns_FakeDnsPool {
    fileprivate init(pool: String) {
        self.init()
        ipPool = pool
    }
}
