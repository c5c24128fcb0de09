// SPDX-License-Identifier: Apache-2.0
import JSONText

/// The top-level sections of one or more configuration files, merged.
///
/// The first file is the base. A later file replaces whole sections, adds to `env` by key, replaces inbounds and outbounds
/// of the same tag (an untagged one replaces the first untagged one), appends other inbounds, and puts other outbounds
/// before those that are there, or behind them when its path contains "tail".
struct MergedFiles {
    private(set) var inbounds: [ConfigNode] = []
    private(set) var outbounds: [ConfigNode] = []
    private(set) var environment: [String: String] = [:]
    private(set) var contexts: [DecodingContext] = []
    private var sections: [String: ConfigNode] = [:]

    private static let keys = [
        "log", "routing", "dns", "policy", "api", "metrics", "stats", "fakeDns", "observatory", "burstObservatory",
        "version", "geodata", "automation", "transport", "reverse",
    ]

    subscript(_ key: String) -> ConfigNode? { sections[key] }

    mutating func add(_ document: JSONDocument, context: DecodingContext) throws {
        contexts.append(context)
        if let offset = document.ignored {
            context.warn(
                "the configuration has ended before this; the rest of the file is not read",
                at: ConfigurationPlace(file: document.name, position: document.position(of: offset)))
        }
        let root = ConfigNode(document.root, context: context)
        guard !root.isNull else { return }
        guard case .object = document.root.value else {
            throw root.error("a configuration is an object, found \(document.root.summary)")
        }
        let object = try root.objectReader()
        for key in Self.keys { sections[key] = object[key] ?? sections[key] }
        if let env = object["env"] { environment.merge(try env.textMap()) { _, new in new } }
        let isFirst = contexts.count == 1
        let newInbounds = try object["inbounds"]?.elements() ?? []
        let newOutbounds = try object["outbounds"]?.elements() ?? []
        if isFirst {
            inbounds = newInbounds
            outbounds = newOutbounds
        } else {
            inbounds += Self.replace(newInbounds, in: &inbounds, tellsNewOnes: true)
            let added = Self.replace(newOutbounds, in: &outbounds, tellsNewOnes: false)
            let isTail = document.name?.lowercased().contains("tail") ?? false
            outbounds = isTail ? outbounds + added : added + outbounds
        }
        object.ignore("$schema", "remarks", "comment")
        object.warnOfUnknownKeys()
    }

    /// Puts each element into the place of the one that has its tag, and returns those that found none.
    ///
    /// - Parameter tellsNewOnes: whether an element may replace one that came before it in its own file.
    private static func replace(
        _ new: [ConfigNode], in old: inout [ConfigNode], tellsNewOnes: Bool
    ) -> [ConfigNode] {
        var added: [ConfigNode] = []
        for node in new {
            if let index = old.firstIndex(where: { $0.tag == node.tag }) {
                old[index] = node
            } else if tellsNewOnes, let index = added.firstIndex(where: { $0.tag == node.tag }) {
                added[index] = node
            } else {
                added.append(node)
            }
        }
        return added
    }

    func refuseRemovedSections() throws {
        if let transport = sections["transport"], !transport.isEmptyObject {
            throw transport.error(
                "the global transport section was removed; use streamSettings of inbounds and outbounds")
        }
        if let reverse = sections["reverse"] {
            throw reverse.error("the reverse section was removed; use VLESS reverse proxies")
        }
    }
}

extension ConfigNode {
    /// The element's tag as far as it can be read; empty otherwise.
    fileprivate var tag: String {
        (try? objectReader().string("tag")) ?? ""
    }
}
