// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import Routing
package import XrayProtos

/// Makes inbounds and outbounds from their settings; the composition root gives the core the list of all protocols.
package protocol ProtocolFactory: Sendable {
    /// Nil when the settings are not those of an inbound; throws when they are and cannot be used.
    func makeInbound(_ settings: Xray_Common_Serial_TypedMessage) throws(ControlError) -> (any InboundProtocol)?
    /// Nil when the settings are not those of an outbound; throws when they are and cannot be used.
    func makeOutbound(
        _ settings: Xray_Common_Serial_TypedMessage, assets: AssetDirectory
    ) throws(ControlError) -> (any OutboundProtocol)?
}
