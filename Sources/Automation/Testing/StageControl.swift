// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyModel
import SwiftProtobuf
import Synchronization
import XrayProtos

/// A call that a script has made to the core.
struct StageCall: Sendable {
    /// `handler.AlterInbound`, or the short name of what is not in the API: `flows.close`.
    var name: String
    var caller: ControlCaller
    /// Nil for calls without a message.
    var request: (any Message)?
}

/// The core that a test's scripts see: notes what changes it, and stays the same object when the core behind it is started anew.
final class StageControl: ControlPlane {
    private struct State {
        var core: any RehearsedCore
        var calls: [StageCall] = []
    }

    private let state: Mutex<State>

    init(_ core: any RehearsedCore) { state = Mutex(State(core: core)) }

    var core: any RehearsedCore {
        get { state.withLock { $0.core } }
        set { state.withLock { $0.core = newValue } }
    }

    var calls: [StageCall] { state.withLock { $0.calls } }

    private func noted(
        _ name: String, _ caller: ControlCaller, _ request: (any Message)? = nil
    ) -> any RehearsedCore {
        state.withLock { state in
            state.calls.append(StageCall(name: name, caller: caller, request: request))
            return state.core
        }
    }

    // MARK: HandlerService

    func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse {
        try await noted("handler.AddInbound", caller, request).addInbound(request, by: caller)
    }

    func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse {
        try await noted("handler.RemoveInbound", caller, request).removeInbound(request, by: caller)
    }

    func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterInboundResponse {
        try noted("handler.AlterInbound", caller, request).alterInbound(request, by: caller)
    }

    func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse {
        try await core.listInbounds(request)
    }

    func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse {
        try await core.getInboundUsers(request)
    }

    func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse {
        try core.getInboundUsersCount(request)
    }

    func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AddOutboundResponse {
        try noted("handler.AddOutbound", caller, request).addOutbound(request, by: caller)
    }

    func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse {
        try noted("handler.RemoveOutbound", caller, request).removeOutbound(request, by: caller)
    }

    func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterOutboundResponse {
        try noted("handler.AlterOutbound", caller, request).alterOutbound(request, by: caller)
    }

    func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse {
        try await core.listOutbounds(request)
    }

    // MARK: RoutingService

    func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error> {
        try core.subscribeRoutingStats(request)
    }

    func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext {
        try await core.testRoute(request)
    }

    func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) throws -> Xray_App_Router_Command_GetBalancerInfoResponse {
        try core.getBalancerInfo(request)
    }

    func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse {
        try noted("routing.OverrideBalancerTarget", caller, request).overrideBalancerTarget(request, by: caller)
    }

    func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Router_Command_AddRuleResponse {
        try await noted("routing.AddRule", caller, request).addRule(request, by: caller)
    }

    func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_RemoveRuleResponse {
        try noted("routing.RemoveRule", caller, request).removeRule(request, by: caller)
    }

    func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) throws -> Xray_App_Router_Command_ListRuleResponse {
        try core.listRule(request)
    }

    // MARK: StatsService, LoggerService, ObservatoryService

    func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        try core.getStats(request)
    }

    func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        try core.getStatsOnline(request)
    }

    func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse {
        try await core.queryStats(request)
    }

    func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) throws -> Xray_App_Stats_Command_SysStatsResponse {
        try core.getSysStats(request)
    }

    func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse {
        try core.getStatsOnlineIPList(request)
    }

    func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse {
        try await core.getAllOnlineUsers(request)
    }

    func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse {
        try await core.getUsersStats(request)
    }

    func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse {
        try await noted("logger.RestartLogger", caller, request).restartLogger(request, by: caller)
    }

    func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse {
        try core.getOutboundStatus(request)
    }

    // MARK: FlowService

    func listFlows(
        _ request: Tidegate_Core_V1_ListFlowsRequest
    ) async throws -> Tidegate_Core_V1_ListFlowsResponse {
        try await core.listFlows(request)
    }

    func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse {
        try await noted("flow.CloseFlows", caller, request).closeFlows(request, by: caller)
    }

    // MARK: Without messages

    func counterValue(named name: String) -> Int64? { core.counterValue(named: name) }

    func closeFlows(_ selector: FlowSelector, by caller: ControlCaller) async throws -> Int {
        try await noted("flows.close", caller).closeFlows(selector, by: caller)
    }

    func flows(_ selector: FlowSelector) async -> [FlowReport] { await core.flows(selector) }

    func counterTotals(_ pattern: String) async -> [Xray_App_Stats_Command_Stat] { await core.counterTotals(pattern) }

    func raise(_ event: CoreEvent.OfScript) { core.raise(event) }

    func logFiles() -> [LogFile] { core.logFiles() }

    func rotateLogs(_ log: String?, keep: Int, by caller: ControlCaller) async throws -> [LogFile] {
        try await noted("log.rotate", caller).rotateLogs(log, keep: keep, by: caller)
    }

    func writeLog(_ level: LogLevel, _ message: String) { core.writeLog(level, message) }

    func events(buffer: Int) -> AsyncStream<EventDelivery> { core.events(buffer: buffer) }

    func observeEvents(
        _ topics: CoreEvent.Topics, _ body: @escaping @Sendable (CoreEvent) -> Void
    ) -> any ControlSubscription {
        core.observeEvents(topics, body)
    }

    func watchCounters(
        _ pattern: String, threshold: Int64, _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) throws -> any ControlSubscription {
        try core.watchCounters(pattern, threshold: threshold, body)
    }
}
