// SPDX-License-Identifier: Apache-2.0
package import XrayProtos

/// One method for each call of the API. All throw ``ControlError``.
extension ControlClient {
    package func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse {
        try await call(.handler, "AddInbound", request)
    }

    package func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse {
        try await call(.handler, "RemoveInbound", request)
    }

    package func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest
    ) async throws -> Xray_App_Proxyman_Command_AlterInboundResponse {
        try await call(.handler, "AlterInbound", request)
    }

    package func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse {
        try await call(.handler, "ListInbounds", request)
    }

    package func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse {
        try await call(.handler, "GetInboundUsers", request)
    }

    package func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse {
        try await call(.handler, "GetInboundUsersCount", request)
    }

    package func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest
    ) async throws -> Xray_App_Proxyman_Command_AddOutboundResponse {
        try await call(.handler, "AddOutbound", request)
    }

    package func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest
    ) async throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse {
        try await call(.handler, "RemoveOutbound", request)
    }

    package func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest
    ) async throws -> Xray_App_Proxyman_Command_AlterOutboundResponse {
        try await call(.handler, "AlterOutbound", request)
    }

    package func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse {
        try await call(.handler, "ListOutbounds", request)
    }

    package func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error> {
        try stream(.routing, "SubscribeRoutingStats", request)
    }

    package func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext {
        try await call(.routing, "TestRoute", request)
    }

    package func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) async throws -> Xray_App_Router_Command_GetBalancerInfoResponse {
        try await call(.routing, "GetBalancerInfo", request)
    }

    package func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest
    ) async throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse {
        try await call(.routing, "OverrideBalancerTarget", request)
    }

    package func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest
    ) async throws -> Xray_App_Router_Command_AddRuleResponse {
        try await call(.routing, "AddRule", request)
    }

    package func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest
    ) async throws -> Xray_App_Router_Command_RemoveRuleResponse {
        try await call(.routing, "RemoveRule", request)
    }

    package func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) async throws -> Xray_App_Router_Command_ListRuleResponse {
        try await call(.routing, "ListRule", request)
    }

    package func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetStatsResponse {
        try await call(.stats, "GetStats", request)
    }

    package func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetStatsResponse {
        try await call(.stats, "GetStatsOnline", request)
    }

    package func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse {
        try await call(.stats, "QueryStats", request)
    }

    package func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) async throws -> Xray_App_Stats_Command_SysStatsResponse {
        try await call(.stats, "GetSysStats", request)
    }

    package func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse {
        try await call(.stats, "GetStatsOnlineIpList", request)
    }

    package func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse {
        try await call(.stats, "GetAllOnlineUsers", request)
    }

    package func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse {
        try await call(.stats, "GetUsersStats", request)
    }

    package func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse {
        try await call(.logger, "RestartLogger", request)
    }

    package func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) async throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse {
        try await call(.observatory, "GetOutboundStatus", request)
    }

    package func listFlows(
        _ request: Tidegate_Core_V1_ListFlowsRequest
    ) async throws -> Tidegate_Core_V1_ListFlowsResponse {
        try await call(.flow, "ListFlows", request)
    }

    package func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse {
        try await call(.flow, "CloseFlows", request)
    }

    package func reload(
        _ request: Tidegate_Core_V1_ReloadRequest
    ) async throws -> Tidegate_Core_V1_ReloadResponse {
        try await call(.core, "Reload", request)
    }
}
