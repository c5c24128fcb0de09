// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
import SwiftProtobuf
import Synchronization
package import XrayProtos

/// A change that was asked for and not made.
package struct PlannedChange: Sendable, Equatable, CustomStringConvertible {
    /// `HandlerService/AlterInbound`, `flows.close`, `store.set`, `http.POST`.
    package var operation: String
    /// What it would have done: the request as JSON on one line, or some words.
    package var detail: String

    package init(_ operation: String, _ detail: String) {
        self.operation = operation
        self.detail = detail
    }

    package var description: String { "\(operation) \(detail)" }
}

/// A plane that asks another one and changes nothing: changes are noted and answered as if they had been made. Later answers do
/// not show them.
package final class RecordingControl: ControlPlane {
    private let base: any ControlPlane
    private let noted = Mutex<[PlannedChange]>([])

    /// More are only counted.
    private static let mostChanges = 10_000

    package init(_ base: any ControlPlane) { self.base = base }

    /// What was asked for, in order.
    package var changes: [PlannedChange] { noted.withLock { $0 } }

    package func note(_ change: PlannedChange) {
        noted.withLock { noted in
            if noted.count < Self.mostChanges { noted.append(change) }
        }
    }

    private func note(_ operation: String, _ request: any Message) {
        let detail =
            (try? DynamicMessage(request)).map { ProtoJSON.encode($0, expandingTypedMessages: true) }
            ?? request.textFormatString()
        note(PlannedChange(operation, detail))
    }

    // MARK: HandlerService

    package func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse {
        note("HandlerService/AddInbound", request)
        return .init()
    }

    package func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse {
        note("HandlerService/RemoveInbound", request)
        return .init()
    }

    package func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterInboundResponse {
        note("HandlerService/AlterInbound", request)
        return .init()
    }

    package func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse { try await base.listInbounds(request) }

    package func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse { try await base.getInboundUsers(request) }

    package func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse { try base.getInboundUsersCount(request) }

    package func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AddOutboundResponse {
        note("HandlerService/AddOutbound", request)
        return .init()
    }

    package func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse {
        note("HandlerService/RemoveOutbound", request)
        return .init()
    }

    package func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterOutboundResponse {
        note("HandlerService/AlterOutbound", request)
        return .init()
    }

    package func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse { try await base.listOutbounds(request) }

    // MARK: RoutingService

    package func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error> {
        try base.subscribeRoutingStats(request)
    }

    package func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext {
        var request = request
        request.publishResult = false
        return try await base.testRoute(request)
    }

    package func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) throws -> Xray_App_Router_Command_GetBalancerInfoResponse { try base.getBalancerInfo(request) }

    package func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse {
        note("RoutingService/OverrideBalancerTarget", request)
        return .init()
    }

    package func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Router_Command_AddRuleResponse {
        note("RoutingService/AddRule", request)
        return .init()
    }

    package func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_RemoveRuleResponse {
        note("RoutingService/RemoveRule", request)
        return .init()
    }

    package func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) throws -> Xray_App_Router_Command_ListRuleResponse { try base.listRule(request) }

    // MARK: StatsService

    package func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        var query = request
        query.reset = false
        let answer = try base.getStats(query)
        if request.reset { note("StatsService/GetStats", request) }
        return answer
    }

    package func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse { try base.getStatsOnline(request) }

    package func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse {
        var query = request
        query.reset = false
        let answer = try await base.queryStats(query)
        if request.reset { note("StatsService/QueryStats", request) }
        return answer
    }

    package func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) throws -> Xray_App_Stats_Command_SysStatsResponse { try base.getSysStats(request) }

    package func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse { try base.getStatsOnlineIPList(request) }

    package func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse { try await base.getAllOnlineUsers(request) }

    package func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse {
        var query = request
        query.reset = false
        let answer = try await base.getUsersStats(query)
        if request.reset { note("StatsService/GetUsersStats", request) }
        return answer
    }

    // MARK: LoggerService, ObservatoryService

    package func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse {
        note("LoggerService/RestartLogger", request)
        return .init()
    }

    package func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse { try base.getOutboundStatus(request) }

    // MARK: FlowService

    package func listFlows(
        _ request: Tidegate_Core_V1_ListFlowsRequest
    ) async throws -> Tidegate_Core_V1_ListFlowsResponse { try await base.listFlows(request) }

    /// Tells how many would be closed.
    package func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse {
        let named = try await base.listFlows(
            .with {
                $0.selector = request.selector
                $0.limit = 1
            })
        note("FlowService/CloseFlows", request)
        return .with { $0.closed = named.total }
    }

    // MARK: Operations of our own

    package func counterValue(named name: String) -> Int64? { base.counterValue(named: name) }

    /// Tells how many would be closed.
    package func closeFlows(_ selector: FlowSelector, by caller: ControlCaller) async -> Int {
        let count = await base.flows(selector).count
        let parts = [
            ("inbound", selector.inbound), ("outbound", selector.outbound), ("email", selector.email),
            ("source", selector.source.map { "\($0)" }),
        ].compactMap { name, value in value.map { "\(name)=\($0)" } }
        note(PlannedChange("flows.close", "\(parts.isEmpty ? "all" : parts.joined(separator: " ")): \(count) flows"))
        return count
    }

    package func counterTotals(_ pattern: String) async -> [Xray_App_Stats_Command_Stat] {
        await base.counterTotals(pattern)
    }

    package func logFiles() -> [LogFile] { base.logFiles() }

    package func rotateLogs(_ log: String?, keep: Int, by caller: ControlCaller) async throws -> [LogFile] {
        note(PlannedChange("log.rotate", "\(log ?? "all logs"), keep \(keep)"))
        return base.logFiles()
    }

    package func raise(_ event: CoreEvent.OfScript) {
        note(PlannedChange("events.raise", "\(event.name) \(event.fields)"))
    }

    package func flows(_ selector: FlowSelector) async -> [FlowReport] { await base.flows(selector) }

    /// The lines of a rehearsal belong to whoever asked for it.
    package func writeLog(_ level: LogLevel, _ message: String) {}

    package func events(buffer: Int) -> AsyncStream<EventDelivery> { base.events(buffer: buffer) }

    package func observeEvents(
        _ topics: CoreEvent.Topics, _ body: @escaping @Sendable (CoreEvent) -> Void
    ) -> any ControlSubscription { base.observeEvents(topics, body) }

    package func watchCounters(
        _ pattern: String, threshold: Int64, _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) throws -> any ControlSubscription { try base.watchCounters(pattern, threshold: threshold, body) }
}
