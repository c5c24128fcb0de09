// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
package import SwiftProtobuf
package import XrayProtos

/// A control plane over another one that asks before each change: for sessions that may only look, for runs that are only to show
/// what they would do, and for tests that count what was called.
///
/// This is the one place in which calls are passed on, so that a new call is asked about everywhere or nowhere. Queries go through as
/// they are; one that also changes something (sets counters to 0, tells subscribers of a decision) is asked about, too, and when that
/// is only pretended it is a plain query.
package final class GuardedControlPlane: ControlPlane {
    /// A change that somebody wants to make.
    package struct Change: Sendable {
        /// As scripts name it: `handler.AlterInbound`, `flows.close`.
        package var name: String
        /// The request; nil for what has no message.
        package var request: (any Message)?
        /// Nil for a query that changes something by the way, and for an event of a script's own.
        package var caller: ControlCaller?
        /// In words what has no message.
        package var detail = ""
    }

    package enum Verdict: Sendable {
        case perform
        /// The caller is answered as if it had been done, and nothing is.
        case pretend
    }

    private let base: @Sendable () -> any ControlPlane
    private let judge: @Sendable (Change) throws -> Verdict
    private let pretended: @Sendable (Change) -> Void

    /// - Parameters:
    ///   - base: Asked with each call, as it may be another one later.
    ///   - judge: Asked before each change, on the caller's thread; what it throws, the caller gets.
    ///   - pretended: Told of each change that was pretended, when its answer is known.
    package init(
        _ base: @autoclosure @escaping @Sendable () -> any ControlPlane,
        judge: @escaping @Sendable (Change) throws -> Verdict,
        pretended: @escaping @Sendable (Change) -> Void = { _ in }
    ) {
        self.base = base
        self.judge = judge
        self.pretended = pretended
    }

    /// Refuses all changes.
    package static func readOnly(_ base: any ControlPlane) -> GuardedControlPlane {
        GuardedControlPlane(base) { change in
            throw ControlError(code: .refused, "\(change.name): refused, this session is read-only")
        }
    }

    private func change<Request: Message, Response: Message>(
        _ name: String, _ request: Request, by caller: ControlCaller,
        _ perform: (any ControlPlane) throws -> Response
    ) throws -> Response {
        let change = Change(name: name, request: request, caller: caller)
        if try judge(change) == .perform { return try perform(base()) }
        pretended(change)
        return .init()
    }

    private func change<Request: Message, Response: Message>(
        _ name: String, _ request: Request, by caller: ControlCaller,
        _ perform: (any ControlPlane) async throws -> Response
    ) async throws -> Response {
        let change = Change(name: name, request: request, caller: caller)
        if try judge(change) == .perform { return try await perform(base()) }
        pretended(change)
        return .init()
    }

    /// A query with a switch that makes it change something, too.
    private func query<Request: Message, Response>(
        _ name: String, _ request: Request, _ isChange: WritableKeyPath<Request, Bool>,
        _ perform: (any ControlPlane, Request) throws -> Response
    ) throws -> Response {
        let change = Change(name: name, request: request)
        guard request[keyPath: isChange], try judge(change) == .pretend else { return try perform(base(), request) }
        var request = request
        request[keyPath: isChange] = false
        let answer = try perform(base(), request)
        pretended(change)
        return answer
    }

    private func query<Request: Message, Response>(
        _ name: String, _ request: Request, _ isChange: WritableKeyPath<Request, Bool>,
        _ perform: (any ControlPlane, Request) async throws -> Response
    ) async throws -> Response {
        let change = Change(name: name, request: request)
        guard request[keyPath: isChange], try judge(change) == .pretend else {
            return try await perform(base(), request)
        }
        var request = request
        request[keyPath: isChange] = false
        let answer = try await perform(base(), request)
        pretended(change)
        return answer
    }

    // MARK: what has no call in Xray's API

    package func counterValue(named name: String) -> Int64? { base().counterValue(named: name) }

    package func closeFlows(_ selector: FlowSelector, by caller: ControlCaller) async throws -> Int {
        var change = Change(name: "flows.close", caller: caller, detail: "\(selector)")
        if try judge(change) == .perform { return try await base().closeFlows(selector, by: caller) }
        let count = await base().flows(selector).count
        change.detail += ": \(count) flows"
        pretended(change)
        return count
    }

    package func flows(_ selector: FlowSelector) async -> [FlowReport] { await base().flows(selector) }
    package func counterTotals(_ pattern: String) async -> [Xray_App_Stats_Command_Stat] {
        await base().counterTotals(pattern)
    }

    package func logFiles() -> [LogFile] { base().logFiles() }

    package func rotateLogs(_ log: String?, keep: Int, by caller: ControlCaller) async throws -> [LogFile] {
        let change = Change(name: "log.rotate", caller: caller, detail: "\(log ?? "all logs"), keep \(keep)")
        if try judge(change) == .perform { return try await base().rotateLogs(log, keep: keep, by: caller) }
        pretended(change)
        return base().logFiles()
    }

    package func raise(_ event: CoreEvent.OfScript) throws {
        let change = Change(name: "events.raise", detail: "\(event.name) \(event.fields)")
        if try judge(change) == .perform { try base().raise(event) } else { pretended(change) }
    }

    package func writeLog(_ level: LogLevel, _ message: String) { base().writeLog(level, message) }
    package func events(buffer: Int) -> AsyncStream<EventDelivery> { base().events(buffer: buffer) }

    package func observeEvents(
        _ topics: CoreEvent.Topics, _ body: @escaping @Sendable (CoreEvent) -> Void
    ) -> any ControlSubscription {
        base().observeEvents(topics, body)
    }

    package func watchCounters(
        _ pattern: String, threshold: Int64, ofTotals: Bool, _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) throws -> any ControlSubscription {
        try base().watchCounters(pattern, threshold: threshold, ofTotals: ofTotals, body)
    }

    // MARK: handler

    package func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse {
        try await change("handler.AddInbound", request, by: caller) { try await $0.addInbound(request, by: caller) }
    }

    package func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse {
        try await change("handler.RemoveInbound", request, by: caller) {
            try await $0.removeInbound(request, by: caller)
        }
    }

    package func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterInboundResponse {
        try change("handler.AlterInbound", request, by: caller) { try $0.alterInbound(request, by: caller) }
    }

    package func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse {
        try await base().listInbounds(request)
    }

    package func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse {
        try await base().getInboundUsers(request)
    }

    package func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse {
        try base().getInboundUsersCount(request)
    }

    package func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AddOutboundResponse {
        try change("handler.AddOutbound", request, by: caller) { try $0.addOutbound(request, by: caller) }
    }

    package func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse {
        try change("handler.RemoveOutbound", request, by: caller) { try $0.removeOutbound(request, by: caller) }
    }

    package func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterOutboundResponse {
        try change("handler.AlterOutbound", request, by: caller) { try $0.alterOutbound(request, by: caller) }
    }

    package func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse {
        try await base().listOutbounds(request)
    }

    // MARK: flow

    package func listFlows(
        _ request: Tidegate_Core_V1_ListFlowsRequest
    ) async throws -> Tidegate_Core_V1_ListFlowsResponse {
        try await base().listFlows(request)
    }

    package func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse {
        let change = Change(name: "flow.CloseFlows", request: request, caller: caller)
        if try judge(change) == .perform { return try await base().closeFlows(request, by: caller) }
        let named = try await base().listFlows(
            .with {
                $0.selector = request.selector
                $0.limit = 1
            })
        pretended(change)
        return .with { $0.closed = named.total }
    }

    // MARK: core

    /// A reload that is only pretended is checked, and tells what it would change.
    package func reload(
        _ request: Tidegate_Core_V1_ReloadRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_ReloadResponse {
        guard !request.dryRun else { return try await base().reload(request, by: caller) }
        let change = Change(name: "core.Reload", request: request, caller: caller)
        if try judge(change) == .perform { return try await base().reload(request, by: caller) }
        var request = request
        request.dryRun = true
        let answer = try await base().reload(request, by: caller)
        pretended(change)
        return answer
    }

    // MARK: routing

    package func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error> {
        try base().subscribeRoutingStats(request)
    }

    package func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext {
        try await query("routing.TestRoute", request, \.publishResult) { try await $0.testRoute($1) }
    }

    package func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) throws -> Xray_App_Router_Command_GetBalancerInfoResponse {
        try base().getBalancerInfo(request)
    }

    package func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse {
        try change("routing.OverrideBalancerTarget", request, by: caller) {
            try $0.overrideBalancerTarget(request, by: caller)
        }
    }

    package func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Router_Command_AddRuleResponse {
        try await change("routing.AddRule", request, by: caller) { try await $0.addRule(request, by: caller) }
    }

    package func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_RemoveRuleResponse {
        try change("routing.RemoveRule", request, by: caller) { try $0.removeRule(request, by: caller) }
    }

    package func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) throws -> Xray_App_Router_Command_ListRuleResponse {
        try base().listRule(request)
    }

    // MARK: stats

    package func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        try query("stats.GetStats", request, \.reset) { try $0.getStats($1) }
    }

    package func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        try base().getStatsOnline(request)
    }

    package func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse {
        try await query("stats.QueryStats", request, \.reset) { try await $0.queryStats($1) }
    }

    package func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) throws -> Xray_App_Stats_Command_SysStatsResponse {
        try base().getSysStats(request)
    }

    package func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse {
        try base().getStatsOnlineIPList(request)
    }

    package func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse {
        try await base().getAllOnlineUsers(request)
    }

    package func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse {
        try await query("stats.GetUsersStats", request, \.reset) { try await $0.getUsersStats($1) }
    }

    // MARK: logger

    package func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse {
        try await change("logger.RestartLogger", request, by: caller) {
            try await $0.restartLogger(request, by: caller)
        }
    }

    // MARK: observatory

    package func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse {
        try base().getOutboundStatus(request)
    }
}
