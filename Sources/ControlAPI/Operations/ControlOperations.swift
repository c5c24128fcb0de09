// SPDX-License-Identifier: Apache-2.0

/// The one table of all calls of the API. The gRPC server, the scripts' bindings and the tests of completeness read it.
package enum ControlOperations {
    /// In the order of the services' descriptors.
    package static let all = handler + routing + stats + logger + observatory + flow + core

    /// The operation at a request path, `/package.Service/Method`; aliases of services are known.
    package static func operation(path: String) -> ControlOperation? { byPath[path] }

    private static let byPath: [String: ControlOperation] = {
        var byPath: [String: ControlOperation] = [:]
        for operation in all {
            byPath[operation.path] = operation
            if let alias = operation.service.alias { byPath["/\(alias)/\(operation.method)"] = operation }
        }
        return byPath
    }()

    private static let handler: [ControlOperation] = [
        .change(.handler, "AddInbound", later: { try await $0.addInbound($1, by: $2) }),
        .change(.handler, "RemoveInbound", later: { try await $0.removeInbound($1, by: $2) }),
        .change(.handler, "AlterInbound", now: { try $0.alterInbound($1, by: $2) }),
        .query(.handler, "ListInbounds", later: { try await $0.listInbounds($1) }),
        .query(.handler, "GetInboundUsers", later: { try await $0.getInboundUsers($1) }),
        .query(.handler, "GetInboundUsersCount", now: { try $0.getInboundUsersCount($1) }),
        .change(.handler, "AddOutbound", now: { try $0.addOutbound($1, by: $2) }),
        .change(.handler, "RemoveOutbound", now: { try $0.removeOutbound($1, by: $2) }),
        .change(.handler, "AlterOutbound", now: { try $0.alterOutbound($1, by: $2) }),
        .query(.handler, "ListOutbounds", later: { try await $0.listOutbounds($1) }),
    ]

    private static let routing: [ControlOperation] = [
        .stream(.routing, "SubscribeRoutingStats", { try $0.subscribeRoutingStats($1) }),
        .query(.routing, "TestRoute", later: { try await $0.testRoute($1) }),
        .query(.routing, "GetBalancerInfo", now: { try $0.getBalancerInfo($1) }),
        .change(.routing, "OverrideBalancerTarget", now: { try $0.overrideBalancerTarget($1, by: $2) }),
        .change(.routing, "AddRule", later: { try await $0.addRule($1, by: $2) }),
        .change(.routing, "RemoveRule", now: { try $0.removeRule($1, by: $2) }),
        .query(.routing, "ListRule", now: { try $0.listRule($1) }),
    ]

    private static let stats: [ControlOperation] = [
        .query(.stats, "GetStats", now: { try $0.getStats($1) }),
        .query(.stats, "GetStatsOnline", now: { try $0.getStatsOnline($1) }),
        .query(.stats, "QueryStats", later: { try await $0.queryStats($1) }),
        .query(.stats, "GetSysStats", now: { try $0.getSysStats($1) }),
        .query(.stats, "GetStatsOnlineIpList", now: { try $0.getStatsOnlineIPList($1) }),
        .query(.stats, "GetAllOnlineUsers", later: { try await $0.getAllOnlineUsers($1) }),
        .query(.stats, "GetUsersStats", later: { try await $0.getUsersStats($1) }),
    ]

    private static let logger: [ControlOperation] = [
        .change(.logger, "RestartLogger", later: { try await $0.restartLogger($1, by: $2) })
    ]

    private static let observatory: [ControlOperation] = [
        .query(.observatory, "GetOutboundStatus", now: { try $0.getOutboundStatus($1) })
    ]

    private static let flow: [ControlOperation] = [
        .query(.flow, "ListFlows", later: { try await $0.listFlows($1) }),
        .change(.flow, "CloseFlows", later: { try await $0.closeFlows($1, by: $2) }),
    ]

    private static let core: [ControlOperation] = [
        .change(.core, "Reload", later: { try await $0.reload($1, by: $2) })
    ]
}
