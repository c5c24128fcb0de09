// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
package import XrayProtos

/// What has to be done to a core when the settings that it was made of become other ones. Pure: it looks at the two versions and at
/// nothing else, so what the API has changed meanwhile stays as it is unless the settings have changed in the same place.
package struct ReloadPlan {
    /// An inbound of which only users are different.
    struct UserChanges {
        var before: Xray_Core_InboundHandlerConfig
        var after: Xray_Core_InboundHandlerConfig
        var added: [Xray_Common_Protocol_User] = []
        /// E-mails.
        var removed: [String] = []
        /// With another account or level than before.
        var changed: [Xray_Common_Protocol_User] = []
    }

    struct Inbounds {
        var removed: [Xray_Core_InboundHandlerConfig] = []
        var replaced: [(before: Xray_Core_InboundHandlerConfig, after: Xray_Core_InboundHandlerConfig)] = []
        var added: [Xray_Core_InboundHandlerConfig] = []
        var users: [UserChanges] = []
    }

    struct Outbounds {
        var removed: [Xray_Core_OutboundHandlerConfig] = []
        var replaced: [(before: Xray_Core_OutboundHandlerConfig, after: Xray_Core_OutboundHandlerConfig)] = []
        var added: [Xray_Core_OutboundHandlerConfig] = []
        /// The tags in their new order.
        var order: [String] = []
        var isOrderNew = false
        /// Another outbound than before is the first, and so the default.
        var isFirstNew = false
    }

    struct Routing {
        /// Nil = no `routing` any more.
        var config: Xray_App_Router_Config?
    }

    private(set) var inbounds = Inbounds()
    private(set) var outbounds = Outbounds()
    /// Nil = nothing is different.
    private(set) var routing: Routing?

    package init(from old: CoreSettings, to new: CoreSettings) {
        compareInbounds(old.inbounds, new.inbounds)
        compareOutbounds(old.outbounds, new.outbounds)
        // The files behind geographic lists may have changed without a trace in the settings.
        let readsLists = new.routing?.rule.contains { $0.readsLists } ?? false
        if readsLists || ConfigurationText.of(old.routing) != ConfigurationText.of(new.routing) {
            routing = Routing(config: new.routing)
        }
    }

    private mutating func compareInbounds(
        _ old: [Xray_Core_InboundHandlerConfig], _ new: [Xray_Core_InboundHandlerConfig]
    ) {
        var pairs = Pairs(old, tag: \.tag) { InboundParts($0).frame }
        for after in new {
            guard let before = pairs.take(after) else {
                inbounds.added.append(after)
                continue
            }
            guard before != after else { continue }
            let (left, right) = (InboundParts(before), InboundParts(after))
            guard left.frame == right.frame, left.unnamed == right.unnamed else {
                inbounds.replaced.append((before, after))
                continue
            }
            let changes = UserChanges(before: before, after: after, left.users, right.users)
            if !changes.isEmpty { inbounds.users.append(changes) }
        }
        inbounds.removed = pairs.rest
    }

    private mutating func compareOutbounds(
        _ old: [Xray_Core_OutboundHandlerConfig], _ new: [Xray_Core_OutboundHandlerConfig]
    ) {
        var pairs = Pairs(old, tag: \.tag) { ConfigurationText.of($0) }
        for after in new {
            guard let before = pairs.take(after) else {
                outbounds.added.append(after)
                continue
            }
            guard before != after, ConfigurationText.of(before) != ConfigurationText.of(after) else { continue }
            outbounds.replaced.append((before, after))
        }
        outbounds.removed = pairs.rest
        outbounds.order = new.map(\.tag).filter { !$0.isEmpty }
        outbounds.isOrderNew = outbounds.order != old.map(\.tag).filter { !$0.isEmpty }
        outbounds.isFirstNew =
            old.first?.tag != new.first?.tag
            || (new.first?.tag.isEmpty ?? false)
                && old.first.map(ConfigurationText.of) != new.first.map(ConfigurationText.of)
    }
}

/// Finds the old version of an element: by its tag, or without one by what it is.
private struct Pairs<Element> {
    private var tagged: [String: Element] = [:]
    private var untagged: [(text: String, element: Element)] = []
    private var order: [String] = []
    private let tag: (Element) -> String
    private let text: (Element) -> String

    init(_ old: [Element], tag: @escaping (Element) -> String, text: @escaping (Element) -> String) {
        self.tag = tag
        self.text = text
        for element in old {
            let tag = tag(element)
            if tag.isEmpty {
                untagged.append((text(element), element))
            } else {
                tagged[tag] = element
                order.append(tag)
            }
        }
    }

    mutating func take(_ new: Element) -> Element? {
        let tag = tag(new)
        guard tag.isEmpty else { return tagged.removeValue(forKey: tag) }
        guard !untagged.isEmpty else { return nil }
        let text = text(new)
        return untagged.firstIndex { $0.text == text }.map { untagged.remove(at: $0).element }
    }

    /// Those that have no new version.
    var rest: [Element] { untagged.map(\.element) + order.compactMap { tagged[$0] } }
}

extension ReloadPlan.UserChanges {
    fileprivate init(
        before: Xray_Core_InboundHandlerConfig, after: Xray_Core_InboundHandlerConfig,
        _ old: [String: Data], _ new: [String: Data]
    ) {
        self.init(before: before, after: after)
        removed = old.keys.filter { new[$0] == nil }.sorted()
        for (email, user) in new.sorted(by: { $0.key < $1.key }) where old[email] != user {
            guard let user = try? Xray_Common_Protocol_User(serializedBytes: user) else { continue }
            if old[email] == nil { added.append(user) } else { changed.append(user) }
        }
    }

    fileprivate var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }
}

extension Xray_App_Router_RoutingRule {
    /// Whether it names geographic lists, which lie in files of their own.
    fileprivate var readsLists: Bool {
        domain.contains { if case .geosite = $0.value { true } else { false } }
            || [ip, sourceIp, localIp].contains { list in
                list.contains { if case .geoip = $0.value { true } else { false } }
            }
    }
}

// MARK: - In words

extension ReloadPlan {
    /// One line for each thing that becomes different, in the order in which it is done.
    package var lines: [String] {
        var lines: [String] = []
        func add(_ kind: String, _ tag: String, _ what: String) {
            lines.append(tag.isEmpty ? "\(kind) without a tag \(what)" : "\(kind) \(tag) \(what)")
        }
        for outbound in outbounds.added { add("outbound", outbound.tag, "added") }
        for outbound in outbounds.replaced { add("outbound", outbound.after.tag, "replaced") }
        for outbound in outbounds.removed { add("outbound", outbound.tag, "removed") }
        if outbounds.isFirstNew, let first = outbounds.order.first { lines.append("outbound \(first) is the default") }
        if let routing {
            let (rules, balancers) = (routing.config?.rule.count ?? 0, routing.config?.balancingRule.count ?? 0)
            lines.append("routing replaced: \(rules) rules, \(balancers) balancers")
        }
        for inbound in inbounds.removed { add("inbound", inbound.tag, "removed") }
        for inbound in inbounds.replaced { add("inbound", inbound.after.tag, "replaced") }
        for inbound in inbounds.added { add("inbound", inbound.tag, "added") }
        for change in inbounds.users {
            let tag = change.after.tag.isEmpty ? "inbound without a tag" : "inbound \(change.after.tag)"
            let parts = [
                ("added", change.added.map(\.email)), ("removed", change.removed),
                ("changed", change.changed.map(\.email)),
            ]
            for (what, emails) in parts where !emails.isEmpty {
                lines.append("\(tag): \(emails.count == 1 ? "user" : "users") \(what): \(Self.list(emails))")
            }
        }
        return lines
    }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(20).joined(separator: ", ")
        return names.count > 20 ? "\(shown) and \(names.count - 20) more" : shown
    }
}
