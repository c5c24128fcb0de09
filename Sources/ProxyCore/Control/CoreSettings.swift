// SPDX-License-Identifier: Apache-2.0
package import Foundation
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
    /// Without, inbounds have their users and no ports, and nothing is done by a timer: for trying scripts.
    package var opensListeners = true
    /// What the calendar shows; online maps keep it.
    package var wall: @Sendable () -> Date = { Date() }

    package init() {}
}
