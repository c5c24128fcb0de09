// SPDX-License-Identifier: Apache-2.0

/// One service of the API that a configuration can turn on by name.
package struct ControlService: Sendable, Hashable {
    /// The name in the configuration's list `services`; compared without regard to case.
    package let name: String
    package let fullName: String
    /// The name under which clients of the older project call the same methods, if it has one.
    package let alias: String?

    package static let handler = ControlService(
        name: "HandlerService", fullName: "xray.app.proxyman.command.HandlerService",
        alias: "v2ray.core.app.proxyman.command.HandlerService")
    package static let routing = ControlService(
        name: "RoutingService", fullName: "xray.app.router.command.RoutingService",
        alias: "v2ray.core.app.router.command.RoutingService")
    package static let stats = ControlService(
        name: "StatsService", fullName: "xray.app.stats.command.StatsService",
        alias: "v2ray.core.app.stats.command.StatsService")
    package static let logger = ControlService(
        name: "LoggerService", fullName: "xray.app.log.command.LoggerService",
        alias: "v2ray.core.app.log.command.LoggerService")
    package static let observatory = ControlService(
        name: "ObservatoryService", fullName: "xray.core.app.observatory.command.ObservatoryService", alias: nil)

    /// Live flows; Xray has nothing of the kind.
    package static let flow = ControlService(
        name: "FlowService", fullName: "tidegate.core.v1.FlowService", alias: nil)

    /// The core as a whole; Xray has nothing of the kind.
    package static let core = ControlService(
        name: "CoreService", fullName: "tidegate.core.v1.CoreService", alias: nil)

    /// The services whose methods stand in ``ControlOperations``.
    package static let all = [handler, logger, stats, observatory, routing, flow, core]
}
