// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ProxyModel
import SwiftProtobuf
import Synchronization
import XrayProtos

/// A control plane of a few counters; what it does not do, it refuses as a core would.
final class MemoryPlane: ControlPlane {
    let counters: [String: Int64]
    private let callers = Mutex<[ControlCaller]>([])

    init(counters: [String: Int64] = [:]) { self.counters = counters }

    /// Who made changes, in order.
    var seenCallers: [ControlCaller] { callers.withLock { $0 } }

    private func note(_ caller: ControlCaller) { callers.withLock { $0.append(caller) } }

    func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        guard let value = counters[request.name] else {
            throw ControlError(code: .notFound, "\(request.name) not found.")
        }
        var response = Xray_App_Stats_Command_GetStatsResponse()
        response.stat.name = request.name
        response.stat.value = value
        return response
    }

    func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse {
        await Task.yield()
        var response = Xray_App_Stats_Command_QueryStatsResponse()
        for (name, value) in counters.sorted(by: { $0.key < $1.key }) where name.contains(request.pattern) {
            var stat = Xray_App_Stats_Command_Stat()
            stat.name = name
            stat.value = value
            response.stat.append(stat)
        }
        return response
    }

    func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse {
        note(caller)
        throw ControlError("common: not enough information for making a decision")
    }

    func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse {
        note(caller)
        return .init()
    }

    func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error> {
        guard request.fieldSelectors == ["count"] else {
            throw ControlError("app/router/command: Routing statistics not enabled.")
        }
        return AsyncThrowingStream { continuation in
            for number in 0..<3 {
                var context = Xray_App_Router_Command_RoutingContext()
                context.inboundTag = "in-\(number)"
                continuation.yield(context)
            }
            continuation.finish()
        }
    }

    func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse {
        throw ControlError(code: .unavailable, "the core is shutting down")
    }
}

/// What the tests do not ask of it.
extension MemoryPlane {
    private var refusal: ControlError { ControlError(code: .unimplemented, "not in this core") }

    func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse { throw refusal }
    func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterInboundResponse { throw refusal }
    func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse { throw refusal }
    func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse { throw refusal }
    func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse { throw refusal }
    func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AddOutboundResponse { throw refusal }
    func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterOutboundResponse { throw refusal }
    func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse { throw refusal }
    func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext { throw refusal }
    func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) throws -> Xray_App_Router_Command_GetBalancerInfoResponse { throw refusal }
    func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse { throw refusal }
    func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Router_Command_AddRuleResponse { throw refusal }
    func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_RemoveRuleResponse { throw refusal }
    func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) throws -> Xray_App_Router_Command_ListRuleResponse { throw refusal }
    func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse { throw refusal }
    func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) throws -> Xray_App_Stats_Command_SysStatsResponse { throw refusal }
    func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse { throw refusal }
    func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse { throw refusal }
    func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse { throw refusal }
    func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse { throw refusal }

    func listFlows(
        _ request: Tidegate_Core_V1_ListFlowsRequest
    ) async throws -> Tidegate_Core_V1_ListFlowsResponse { .init() }
    func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse { throw refusal }

    func reload(
        _ request: Tidegate_Core_V1_ReloadRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_ReloadResponse {
        if !request.dryRun { note(caller) }
        return .with { $0.changes = ["outbound a added"] }
    }

    func counterValue(named name: String) -> Int64? { counters[name] }
    func closeFlows(_ selector: FlowSelector, by caller: ControlCaller) async -> Int { 0 }
    func flows(_ selector: FlowSelector) async -> [FlowReport] { [] }
    func counterTotals(_ pattern: String) async -> [Xray_App_Stats_Command_Stat] { [] }

    func raise(_ event: CoreEvent.OfScript) {}

    func logFiles() -> [LogFile] { [] }

    func rotateLogs(_ log: String?, keep: Int, by caller: ControlCaller) async throws -> [LogFile] { [] }

    func writeLog(_ level: LogLevel, _ message: String) {}
    func events(buffer: Int) -> AsyncStream<EventDelivery> { AsyncStream { $0.finish() } }
}
