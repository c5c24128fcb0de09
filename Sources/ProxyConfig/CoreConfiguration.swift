// SPDX-License-Identifier: Apache-2.0
package import XrayProtos

/// A whole configuration, decoded and checked as far as that goes without building anything.
///
/// The protos are the canonical form: what is added over the API goes the same way as what is read from a file.
package struct CoreConfiguration: Sendable {
    package var inbounds: [Xray_Core_InboundHandlerConfig] = []
    package var outbounds: [Xray_Core_OutboundHandlerConfig] = []
    package var router: Xray_App_Router_Config?
    package var policy: Xray_App_Policy_Config?
    package var log = LogConfiguration()
    package var api: APIConfiguration?
    /// Whether there is a `stats` object.
    package var statsEnabled = false
    package var dns: Xray_App_Dns_Config?
    package var fakeDNS: Xray_App_Dns_Fakedns_FakeDnsPoolMulti?
    package var metrics: Xray_App_Metrics_Config?
    package var observatory: Xray_Core_App_Observatory_Config?
    package var burstObservatory: Xray_Core_App_Observatory_Burst_Config?
    package var version: Xray_App_Version_Config?
    package var geodata: Xray_App_Geodata_Config?
    /// Variables that the core puts into its environment at start.
    package var environment: [String: String] = [:]
    package var automation: AutomationConfiguration?

    /// Where each inbound was written; parallel to `inbounds`, and so the others.
    package var inboundPlaces: [ConfigurationPlace] = []
    package var outboundPlaces: [ConfigurationPlace] = []
    package var apiPlace = ConfigurationPlace()
    package var rulePlaces: [ConfigurationPlace] = []
    package var balancerPlaces: [ConfigurationPlace] = []
    /// Where files of geographic data were looked for, in this order.
    package var assetDirectories: [String] = []
    package var warnings: [ConfigurationWarning] = []

    package init() {}
}
