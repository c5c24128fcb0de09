// SPDX-License-Identifier: Apache-2.0
package import GRPCWire

/// A service that a server can offer besides those of the control plane.
package struct ServiceAddition: Sendable {
    /// As `api.services` names it.
    package let name: String
    package let fullName: String
    package let add: @Sendable (inout GRPCHandlerTable.Builder) -> Void

    package init(
        name: String, fullName: String, add: @escaping @Sendable (inout GRPCHandlerTable.Builder) -> Void
    ) {
        self.name = name
        self.fullName = fullName
        self.add = add
    }
}
