// SPDX-License-Identifier: Apache-2.0
package import ControlAPI

/// Which services a server offers.
package struct ServiceSelection: Sendable, Equatable {
    package var services: [ControlService]
    /// grpc.reflection.v1 and v1alpha.
    package var hasReflection: Bool
    /// grpc.health.v1, which the original does not know.
    package var hasHealth: Bool
    /// Services that others have added to the server, by name.
    package var additions: [String] = []
    /// One line for each name that means nothing.
    package var warnings: [String] = []

    package init(services: [ControlService], hasReflection: Bool = false, hasHealth: Bool = false) {
        self.services = services
        self.hasReflection = hasReflection
        self.hasHealth = hasHealth
    }

    /// The services that a configuration's `api.services` names, without regard to case. A name given twice counts once;
    /// an unknown one is left out with a warning.
    ///
    /// - Parameter additions: Names of services that the server could have besides its own.
    package init(names: [String], additions: [String] = []) {
        self.init(services: [])
        for name in names {
            let lowered = name.lowercased()
            if let service = ControlService.all.first(where: { $0.name.lowercased() == lowered }) {
                if !services.contains(service) { services.append(service) }
            } else if lowered == Self.reflectionName.lowercased() {
                hasReflection = true
            } else if lowered == Self.healthName.lowercased() {
                hasHealth = true
            } else if let addition = additions.first(where: { $0.lowercased() == lowered }) {
                if !self.additions.contains(addition) { self.additions.append(addition) }
            } else {
                let known = (ControlService.all.map(\.name) + additions + [Self.reflectionName, Self.healthName])
                    .sorted()
                warnings.append("api.services: unknown service \"\(name)\"; known are \(known.joined(separator: ", "))")
            }
        }
    }

    private static let reflectionName = "ReflectionService"
    private static let healthName = "HealthService"
}
