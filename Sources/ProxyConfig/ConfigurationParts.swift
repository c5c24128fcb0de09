// SPDX-License-Identifier: Apache-2.0
package import JSONText
package import XrayProtos

/// Parts of a configuration on their own: what commands and scripts send to a running core.
///
/// All throw `ConfigurationError`. A `JSONNode` made from a `JSONValue` has no positions; errors then give the key path only.
package enum ConfigurationParts {
    /// The `inbounds` of a whole configuration; without the key, none.
    package static func inbounds(of document: JSONDocument, context: DecodingContext? = nil) throws
        -> [Xray_Core_InboundHandlerConfig]
    {
        try section("inbounds", of: document, context)?.elements().map { try InboundSection.decode($0) } ?? []
    }

    package static func inbounds(fromText text: String, name: String? = nil) throws -> [Xray_Core_InboundHandlerConfig]
    {
        try inbounds(of: JSONDocument(text: text, name: name))
    }

    /// The `outbounds` of a whole configuration; without the key, none.
    package static func outbounds(of document: JSONDocument, context: DecodingContext? = nil) throws
        -> [Xray_Core_OutboundHandlerConfig]
    {
        try section("outbounds", of: document, context)?.elements().map { try OutboundSection.decode($0) } ?? []
    }

    package static func outbounds(
        fromText text: String, name: String? = nil
    ) throws -> [Xray_Core_OutboundHandlerConfig] {
        try outbounds(of: JSONDocument(text: text, name: name))
    }

    /// The `routing` of a whole configuration; without the key, an empty one.
    package static func routing(of document: JSONDocument, context: DecodingContext? = nil) throws
        -> Xray_App_Router_Config
    {
        try section("routing", of: document, context).map { try RoutingSection.decode($0) } ?? .init()
    }

    package static func routing(fromText text: String, name: String? = nil) throws -> Xray_App_Router_Config {
        try routing(of: JSONDocument(text: text, name: name))
    }

    /// One element of `inbounds`.
    package static func inbound(
        from node: JSONNode, path: KeyPath = .root, context: DecodingContext = DecodingContext()
    ) throws -> Xray_Core_InboundHandlerConfig {
        try InboundSection.decode(ConfigNode(node, path: path, context: context))
    }

    /// One element of `outbounds`.
    package static func outbound(
        from node: JSONNode, path: KeyPath = .root, context: DecodingContext = DecodingContext()
    ) throws -> Xray_Core_OutboundHandlerConfig {
        try OutboundSection.decode(ConfigNode(node, path: path, context: context))
    }

    /// A `routing` object.
    package static func routing(
        from node: JSONNode, path: KeyPath = .root, context: DecodingContext = DecodingContext()
    ) throws -> Xray_App_Router_Config {
        try RoutingSection.decode(ConfigNode(node, path: path, context: context))
    }

    /// One element of `routing.rules`.
    package static func rule(
        from node: JSONNode, path: KeyPath = .root, context: DecodingContext = DecodingContext()
    ) throws -> Xray_App_Router_RoutingRule {
        try RoutingRuleSection.decode(ConfigNode(node, path: path, context: context))
    }

    /// One element of `routing.balancers`.
    package static func balancer(
        from node: JSONNode, path: KeyPath = .root, context: DecodingContext = DecodingContext()
    ) throws -> Xray_App_Router_BalancingRule {
        try BalancerSection.decode(ConfigNode(node, path: path, context: context))
    }

    private static func section(
        _ key: String, of document: JSONDocument, _ context: DecodingContext?
    ) throws -> ConfigNode? {
        try ConfigNode(document.root, context: context ?? DecodingContext(document: document)).objectReader()[key]
    }
}
