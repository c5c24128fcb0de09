// SPDX-License-Identifier: Apache-2.0
package import XrayProtos

/// What a core is made of, in the form in which the API speaks of it.
package struct CoreSettings: Sendable {
    package var inbounds: [Xray_Core_InboundHandlerConfig] = []
    package var outbounds: [Xray_Core_OutboundHandlerConfig] = []
    /// Nil = no `routing` object: rules can then not be added either.
    package var routing: Xray_App_Router_Config?
    package var policy = Xray_App_Policy_Config()
    /// There is a `stats` object.
    package var keepsStatistics = false

    package init() {}
}
