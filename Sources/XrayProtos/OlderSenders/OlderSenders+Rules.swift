// SPDX-License-Identifier: Apache-2.0

extension OlderSenders {
    static func router(_ message: inout WireMessage) throws(Refusal) {
        try updateEach(2, in: &message) { (rule: inout WireMessage) throws(Refusal) in try routingRule(&rule) }
    }

    /// RoutingRule. `cidr` 3, `port_range` 4, `network_list` 5 and `source_cidr` 6 went in v24.9.19; `rule_tag` was 18 and
    /// `domain_matcher` 17 until v25.8.29; `domain` 2 was a Domain and 10, 11, 17 a GeoIP until v26.4.13.
    private static func routingRule(_ rule: inout WireMessage) throws(Refusal) {
        for index in rule.fields.indices where rule.fields[index].number == 18 {
            guard case .delimited(let content) = rule.fields[index].value, isText(content) else { continue }
            rule.fields[index].number = 19
        }
        rule.fields.removeAll { field in
            guard field.number == 17, case .delimited(let content) = field.value else { return false }
            return isText(content)
        }
        for index in rule.fields.indices where rule.fields[index].number == 2 {
            guard case .delimited(let content) = rule.fields[index].value, isOldDomain(content) else { continue }
            var wrapped = WireMessage()
            wrapped.append(2, content)
            rule.fields[index].value = .delimited(wrapped.bytes)
        }
        for number in [10, 11, 17] { try geoIPs(number, in: &rule) }
        for (old, new) in [(3, 10), (6, 11)] {
            for network in rule.delimited(old) { rule.append(new, addressRule(network: network, isNegated: false)) }
            rule.remove(old)
        }
        for range in rule.delimited(4) {
            var list = WireMessage()
            list.append(1, range)
            rule.append(14, list.bytes)
        }
        rule.remove(4)
        for list in rule.delimited(5).compactMap({ WireMessage($0) }) {
            for field in list.fields where field.number == 1 {
                rule.fields.append(.init(number: 13, value: field.value))
            }
        }
        rule.remove(5)
        for field in rule.fields where field.number == 13 {
            let isRaw =
                switch field.value {
                case .varint(let network): network == 1
                case .delimited(let packed): packed.contains(1)
                case .fixed: false
                }
            guard !isRaw else {
                throw Refusal(description: "Network.RawTCP (1, before v24.9.30) is not supported")
            }
        }
    }

    /// A Domain: a number for its type, then the text. A DomainRule of today holds a message in either field.
    private static func isOldDomain(_ content: [UInt8]) -> Bool {
        guard let message = WireMessage(content) else { return false }
        if message.number(1) != nil { return true }
        return !message.contains(1) && message.delimited(2).contains { isText($0) }
    }

    /// Replaces GeoIP messages, which carried the networks with them, by rules of today.
    private static func geoIPs(_ number: Int, in rule: inout WireMessage) throws(Refusal) {
        var fields: [WireMessage.Field] = []
        var negated = 0
        for field in rule.fields {
            guard field.number == number, case .delimited(let content) = field.value, let old = WireMessage(content),
                isOldGeoIP(old)
            else {
                fields.append(field)
                continue
            }
            let isNegated = old.number(3) ?? 0 != 0
            negated += isNegated ? 1 : 0
            let networks = old.delimited(2)
            guard !networks.isEmpty else {
                throw Refusal(description: "a GeoIP (before v26.4.13) without networks cannot be looked up here")
            }
            for network in networks {
                let rule = addressRule(network: network, isNegated: isNegated)
                fields.append(.init(number: number, value: .delimited(rule)))
            }
        }
        guard negated < 2 else {
            throw Refusal(description: "several negated GeoIP (before v26.4.13) in one rule have no equivalent")
        }
        rule.fields = fields
    }

    /// { country_code = 1, cidr = 2, reverse_match = 3 } with { ip = 1, prefix = 2 } in `cidr`, where today has
    /// { geoip = 1 { file, code }, custom = 2 { cidr = 1 { ip, prefix } } }: a code is text, and a CIDR's address has 4 or 16
    /// bytes, which a message around it never has.
    private static func isOldGeoIP(_ message: WireMessage) -> Bool {
        if message.contains(3) || message.delimited(1).contains(where: isText) { return true }
        return message.delimited(2).contains { content in
            guard let address = WireMessage(content)?.delimited(1).last else { return false }
            return address.count == 4 || address.count == 16
        }
    }

    private static func addressRule(network: [UInt8], isNegated: Bool) -> [UInt8] {
        var custom = WireMessage()
        custom.append(1, network)
        if isNegated { custom.append(2, 1) }
        var rule = WireMessage()
        rule.append(2, custom.bytes)
        return rule.bytes
    }
}
