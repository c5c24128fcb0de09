// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
package import SwiftProtobuf
package import XrayProtos

/// A control plane over another one that asks before each change: for sessions that may only look, and for runs that are only to show
/// what they would do.
///
/// Queries go through as they are; one that also sets counters to 0 is asked about, too, and when it is only pretended the counters are read
/// and stay.
package final class GuardedControlPlane: ControlPlane {
    /// A change that somebody wants to make.
    package struct Change: Sendable {
        /// As scripts name it: `handler.AlterInbound`, `flows.close`.
        package var name: String
        /// The request; nil for what has no message.
        package var request: (any Message)?
        /// Nil for a query that resets counters.
        package var caller: ControlCaller?
        /// Which flows are to be closed.
        package var flows: FlowSelector?
    }

    package enum Verdict: Sendable {
        case perform
        /// The caller is answered as if it had been done, and nothing is.
        case pretend
    }

    private let base: any ControlPlane
    private let judge: @Sendable (Change) throws -> Verdict

    /// - Parameter judge: Asked before each change, on the caller's thread; what it throws, the caller gets.
    package init(_ base: any ControlPlane, judge: @escaping @Sendable (Change) throws -> Verdict) {
        self.base = base
        self.judge = judge
    }

    /// Refuses all changes.
    package static func readOnly(_ base: any ControlPlane) -> GuardedControlPlane {
        GuardedControlPlane(base) { change in
            throw ControlError(code: .refused, "\(change.name): refused, this session is read-only")
        }
    }

    private func admits(_ name: String, _ request: any Message, by caller: ControlCaller? = nil) throws -> Bool {
        try judge(Change(name: name, request: request, caller: caller)) == .perform
    }

    // MARK: what has no call in Xray's API

    package func counterValue(named name: String) -> Int64? { base.counterValue(named: name) }

    package func closeFlows(_ selector: FlowSelector, by caller: ControlCaller) async throws -> Int {
        switch try judge(Change(name: "flows.close", caller: caller, flows: selector)) {
        case .perform: try await base.closeFlows(selector, by: caller)
        case .pretend: await base.flows(selector).count
        }
    }

    package func flows(_ selector: FlowSelector) async -> [FlowReport] { await base.flows(selector) }
    package func counterTotals(_ pattern: String) async -> [Xray_App_Stats_Command_Stat] {
        await base.counterTotals(pattern)
    }

    package func logFiles() -> [LogFile] { base.logFiles() }

    package func rotateLogs(_ log: String?, keep: Int, by caller: ControlCaller) async throws -> [LogFile] {
        switch try judge(Change(name: "log.rotate", caller: caller)) {
        case .perform: try await base.rotateLogs(log, keep: keep, by: caller)
        case .pretend: base.logFiles()
        }
    }

    package func raise(_ event: CoreEvent.OfScript) { base.raise(event) }
    package func writeLog(_ level: LogLevel, _ message: String) { base.writeLog(level, message) }
    package func events(buffer: Int) -> AsyncStream<EventDelivery> { base.events(buffer: buffer) }

    package func observeEvents(
        _ topics: CoreEvent.Topics, _ body: @escaping @Sendable (CoreEvent) -> Void
    ) -> any ControlSubscription {
        base.observeEvents(topics, body)
    }

    package func watchCounters(
        _ pattern: String, threshold: Int64, _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) throws -> any ControlSubscription {
        try base.watchCounters(pattern, threshold: threshold, body)
    }

    // MARK: handler

    package func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse {
        guard try admits("handler.AddInbound", request, by: caller) else { return .init() }
        return try await base.addInbound(request, by: caller)
    }

    package func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse {
        guard try admits("handler.RemoveInbound", request, by: caller) else { return .init() }
        return try await base.removeInbound(request, by: caller)
    }

    package func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterInboundResponse {
        guard try admits("handler.AlterInbound", request, by: caller) else { return .init() }
        return try base.alterInbound(request, by: caller)
    }

    package func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse {
        try await base.listInbounds(request)
    }

    package func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse {
        try await base.getInboundUsers(request)
    }

    package func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse {
        try base.getInboundUsersCount(request)
    }

    package func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AddOutboundResponse {
        guard try admits("handler.AddOutbound", request, by: caller) else { return .init() }
        return try base.addOutbound(request, by: caller)
    }

    package func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse {
        guard try admits("handler.RemoveOutbound", request, by: caller) else { return .init() }
        return try base.removeOutbound(request, by: caller)
    }

    package func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterOutboundResponse {
        guard try admits("handler.AlterOutbound", request, by: caller) else { return .init() }
        return try base.alterOutbound(request, by: caller)
    }

    package func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse {
        try await base.listOutbounds(request)
    }

    // MARK: flow

    package func listFlows(
        _ request: Tidegate_Core_V1_ListFlowsRequest
    ) async throws -> Tidegate_Core_V1_ListFlowsResponse {
        try await base.listFlows(request)
    }

    package func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse {
        guard try admits("flow.CloseFlows", request, by: caller) else { return .init() }
        return try await base.closeFlows(request, by: caller)
    }

    // MARK: routing

    package func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error> {
        try base.subscribeRoutingStats(request)
    }

    package func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext {
        try await base.testRoute(request)
    }

    package func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) throws -> Xray_App_Router_Command_GetBalancerInfoResponse {
        try base.getBalancerInfo(request)
    }

    package func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse {
        guard try admits("routing.OverrideBalancerTarget", request, by: caller) else { return .init() }
        return try base.overrideBalancerTarget(request, by: caller)
    }

    package func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Router_Command_AddRuleResponse {
        guard try admits("routing.AddRule", request, by: caller) else { return .init() }
        return try await base.addRule(request, by: caller)
    }

    package func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_RemoveRuleResponse {
        guard try admits("routing.RemoveRule", request, by: caller) else { return .init() }
        return try base.removeRule(request, by: caller)
    }

    package func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) throws -> Xray_App_Router_Command_ListRuleResponse {
        try base.listRule(request)
    }

    // MARK: stats

    package func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        var request = request
        if request.reset { request.reset = try admits("stats.GetStats", request) }
        return try base.getStats(request)
    }

    package func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        try base.getStatsOnline(request)
    }

    package func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse {
        var request = request
        if request.reset { request.reset = try admits("stats.QueryStats", request) }
        return try await base.queryStats(request)
    }

    package func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) throws -> Xray_App_Stats_Command_SysStatsResponse {
        try base.getSysStats(request)
    }

    package func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse {
        try base.getStatsOnlineIPList(request)
    }

    package func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse {
        try await base.getAllOnlineUsers(request)
    }

    package func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse {
        var request = request
        if request.reset { request.reset = try admits("stats.GetUsersStats", request) }
        return try await base.getUsersStats(request)
    }

    // MARK: logger

    package func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse {
        guard try admits("logger.RestartLogger", request, by: caller) else { return .init() }
        return try await base.restartLogger(request, by: caller)
    }

    // MARK: observatory

    package func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse {
        try base.getOutboundStatus(request)
    }
}
