// SPDX-License-Identifier: Apache-2.0
package import XrayProtos

/// Reads objects of the JSON configuration, so that scripts can add what they would write there. Who puts the automation together
/// brings it along, since the automation knows no configuration.
package struct ConfigurationObjects: Sendable {
    /// An element of `inbounds`, `outbounds` and `routing.rules`, as JSON.
    package var inbound: @Sendable (_ json: String) throws -> Xray_Core_InboundHandlerConfig
    package var outbound: @Sendable (_ json: String) throws -> Xray_Core_OutboundHandlerConfig
    package var rule: @Sendable (_ json: String) throws -> Xray_App_Router_RoutingRule

    package init(
        inbound: @escaping @Sendable (_ json: String) throws -> Xray_Core_InboundHandlerConfig,
        outbound: @escaping @Sendable (_ json: String) throws -> Xray_Core_OutboundHandlerConfig,
        rule: @escaping @Sendable (_ json: String) throws -> Xray_App_Router_RoutingRule
    ) {
        self.inbound = inbound
        self.outbound = outbound
        self.rule = rule
    }
}
