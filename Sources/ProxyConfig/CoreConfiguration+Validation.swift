// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import XrayProtos

extension CoreConfiguration {
    /// Checks what holds between sections: unique tags, balancers that exist, observatories that are needed.
    ///
    /// Adds warnings for what is accepted and has no effect.
    package mutating func validate() throws(ConfigurationError) {
        try Self.refuseDuplicates(inbounds.map(\.tag), at: inboundPlaces, what: "inbound tag")
        try Self.refuseDuplicates(outbounds.map(\.tag), at: outboundPlaces, what: "outbound tag")
        try Self.refuseDuplicates(
            router?.balancingRule.map(\.tag) ?? [], at: balancerPlaces, what: "balancer tag")
        try checkObservatories()
        try checkRules()
        checkInbounds()
    }

    private static func refuseDuplicates(
        _ tags: [String], at places: [ConfigurationPlace], what: String
    ) throws(ConfigurationError) {
        var seen: Set<String> = []
        for (tag, place) in zip(tags, places) where !tag.isEmpty {
            guard seen.insert(tag).inserted else {
                throw ConfigurationError(message: "duplicate \(what): \(tag)", place: place)
            }
        }
    }

    private func checkObservatories() throws(ConfigurationError) {
        guard observatory == nil, burstObservatory == nil else { return }
        if api?.services.contains(.observatory) == true {
            throw ConfigurationError(
                message: "ObservatoryService needs an observatory or a burstObservatory",
                place: apiPlace)
        }
        for (balancer, place) in zip(router?.balancingRule ?? [], balancerPlaces) {
            let isMeasured = balancer.strategy == "leastping" || balancer.strategy == "leastload"
            guard isMeasured || !balancer.fallbackTag.isEmpty else { continue }
            let reason = isMeasured ? "the strategy \(balancer.strategy)" : "a fallbackTag"
            throw ConfigurationError(message: "\(reason) needs an observatory or a burstObservatory", place: place)
        }
    }

    private mutating func checkRules() throws(ConfigurationError) {
        let balancers = Set(router?.balancingRule.map(\.tag) ?? [])
        let known = Set(outbounds.map(\.tag) + [api?.tag, metrics?.tag].compactMap { $0 })
        var ruleTags: Set<String> = []
        for (rule, place) in zip(router?.rule ?? [], rulePlaces) {
            switch rule.targetTag {
            case .balancingTag(let tag) where !balancers.contains(tag):
                throw ConfigurationError(message: "no balancer with the tag \(tag.quoted)", place: place)
            case .tag(let tag) where !known.contains(tag):
                warnings.append(
                    ConfigurationWarning(
                        message: "no outbound with the tag \(tag.quoted): what the rule matches is closed", place: place
                    ))
            default:
                break
            }
            if !rule.ruleTag.isEmpty, !ruleTags.insert(rule.ruleTag).inserted {
                warnings.append(
                    ConfigurationWarning(message: "duplicate ruleTag: \(rule.ruleTag)", place: place))
            }
        }
    }

    private mutating func checkInbounds() {
        for (inbound, place) in zip(inbounds, inboundPlaces) {
            guard
                let receiver = try? Xray_App_Proxyman_ReceiverConfig(serializedBytes: inbound.receiverSettings.value),
                receiver.hasPortList, receiver.portList.range.isEmpty
            else { continue }
            warnings.append(
                ConfigurationWarning(message: "port 0: the inbound listens nowhere", place: place))
        }
    }
}
