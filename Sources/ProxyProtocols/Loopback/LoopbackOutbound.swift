// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyCore
package import Routing
package import XrayProtos

/// Sends sessions back to the router, as if they had come in by another inbound, so that they are routed in two steps.
package final class LoopbackOutbound: OutboundProtocol {
    package let name = "loopback"
    private let plan: ReentryPlan

    package init(_ config: Xray_Proxy_Loopback_Config, assets: AssetDirectory) throws(ControlError) {
        plan = ReentryPlan(
            inboundTag: config.inboundTag, sniffing: try SniffingSettings(config.sniffing, assets: assets))
    }

    package func stream(for session: Session) -> StreamPlan { .reenter(plan) }
    package func packets(for session: Session) -> PacketPlan { .reenter(plan) }
}
