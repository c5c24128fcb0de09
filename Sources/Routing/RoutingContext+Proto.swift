// SPDX-License-Identifier: Apache-2.0
import Foundation
package import ProxyModel
package import XrayProtos

extension RoutingContext {
    /// What an API client asks about. Addresses that are not of 4 or 16 bytes are left out, networks of other numbers are
    /// taken as unknown, and of ports the low 16 bits count; the names of attributes are put in lower case; output fields
    /// are not looked at.
    package init(_ wire: Xray_App_Router_Command_RoutingContext) {
        self.init()
        inboundTag = wire.inboundTag
        network = Network(rawValue: wire.network.rawValue) ?? .unknown
        sourceIPs = wire.sourceIps.compactMap { IPAddress(bytes: $0) }
        targetIPs = wire.targetIps.compactMap { IPAddress(bytes: $0) }
        localIPs = wire.localIps.compactMap { IPAddress(bytes: $0) }
        sourcePort = UInt16(truncatingIfNeeded: wire.sourcePort)
        targetPort = UInt16(truncatingIfNeeded: wire.targetPort)
        localPort = UInt16(truncatingIfNeeded: wire.localPort)
        targetDomain = wire.targetDomain
        sniffedProtocol = wire.protocol
        user = wire.user
        attributes = Dictionary(wire.attributes.map { ($0.lowercased(), $1) }, uniquingKeysWith: { first, _ in first })
        vlessRoute = UInt16(truncatingIfNeeded: wire.vlessRoute)
    }
}

extension Xray_App_Router_Command_RoutingContext {
    /// The connection as the API reports it, with the output fields left empty.
    package init(_ context: RoutingContext) {
        self.init()
        inboundTag = context.inboundTag
        network = Xray_Common_Net_Network(rawValue: context.network.rawValue) ?? .unknown
        sourceIps = context.sourceIPs.map { Data($0.bytes) }
        targetIps = context.targetIPs.map { Data($0.bytes) }
        localIps = context.localIPs.map { Data($0.bytes) }
        sourcePort = UInt32(context.sourcePort)
        targetPort = UInt32(context.targetPort)
        localPort = UInt32(context.localPort)
        targetDomain = context.targetDomain
        self.protocol = context.sniffedProtocol
        user = context.user
        attributes = context.attributes
    }
}

/// Leaves only the fields whose names begin with one of the selectors: `inbound`, `network`, `ip_source`, `ip_target`,
/// `ip_local`, `port_source`, `port_target`, `port_local`, `domain`, `protocol`, `user`, `attributes`, `outbound_group`,
/// `outbound`. No selector selects all. The VLESS route is never answered.
package func applyFieldSelectors(_ selectors: [String], to message: inout Xray_App_Router_Command_RoutingContext) {
    func isSelected(_ field: String) -> Bool {
        selectors.isEmpty || selectors.contains { field.utf8.starts(with: $0.utf8) }
    }
    let all = message
    message = Xray_App_Router_Command_RoutingContext()
    if isSelected("inbound") { message.inboundTag = all.inboundTag }
    if isSelected("network") { message.network = all.network }
    if isSelected("ip_source") { message.sourceIps = all.sourceIps }
    if isSelected("ip_target") { message.targetIps = all.targetIps }
    if isSelected("ip_local") { message.localIps = all.localIps }
    if isSelected("port_source") { message.sourcePort = all.sourcePort }
    if isSelected("port_target") { message.targetPort = all.targetPort }
    if isSelected("port_local") { message.localPort = all.localPort }
    if isSelected("domain") { message.targetDomain = all.targetDomain }
    if isSelected("protocol") { message.protocol = all.protocol }
    if isSelected("user") { message.user = all.user }
    if isSelected("attributes") { message.attributes = all.attributes }
    if isSelected("outbound_group") { message.outboundGroupTags = all.outboundGroupTags }
    if isSelected("outbound") { message.outboundTag = all.outboundTag }
}
