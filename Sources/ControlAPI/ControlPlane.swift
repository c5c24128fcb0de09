// SPDX-License-Identifier: Apache-2.0
package import ProxyModel
package import XrayProtos

/// The only way to query or change the core from outside it: one operation for each call of the API.
///
/// gRPC, Lua, the command line and the REPL are faces of it, so validation, messages and events are the same for all.
/// Operations that are not `async` return at once, take no lock for longer than a dictionary look-up, and may be called on
/// an event loop. The `async` ones may wait (for a listener to bind, for a walk over all counters) and must not be.
/// All throw ``ControlError``; a failed operation leaves the core as it was.
package protocol ControlPlane: AnyObject, Sendable {
    // HandlerService
    func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse
    func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse
    func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterInboundResponse
    func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse
    func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse
    func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse
    func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AddOutboundResponse
    func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse
    func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterOutboundResponse
    func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse

    // RoutingService
    func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error>
    func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext
    func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) throws -> Xray_App_Router_Command_GetBalancerInfoResponse
    func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse
    func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Router_Command_AddRuleResponse
    func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_RemoveRuleResponse
    func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) throws -> Xray_App_Router_Command_ListRuleResponse

    // StatsService
    func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse
    func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse
    func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse
    func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) throws -> Xray_App_Stats_Command_SysStatsResponse
    func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse
    func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse
    func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse

    // LoggerService
    func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse

    // ObservatoryService
    func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse

    // FlowService, our own
    func listFlows(_ request: Tidegate_Core_V1_ListFlowsRequest) async throws -> Tidegate_Core_V1_ListFlowsResponse
    func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse

    // CoreService, our own
    func reload(
        _ request: Tidegate_Core_V1_ReloadRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_ReloadResponse

    /// The value of one counter without a message around it, or nil; for callers that ask in a loop (some 100 ns).
    func counterValue(named name: String) -> Int64?
    /// All that was ever added to the counters whose names contain `pattern`, whoever has reset them since. A value that is lower than one
    /// read before is that of a reset under way, and to be read again.
    func counterTotals(_ pattern: String) async -> [Xray_App_Stats_Command_Stat]
    /// Ends the live flows that `selector` names, and tells how many there were.
    func closeFlows(_ selector: FlowSelector, by caller: ControlCaller) async throws -> Int
    /// The live flows that `selector` names.
    func flows(_ selector: FlowSelector) async -> [FlowReport]
    /// The files that the core's logs go to.
    func logFiles() -> [LogFile]
    /// Renames the files of these logs (`error`, `access`; nil for all) to `PATH.1`, `PATH.1` to `PATH.2` and so on, of which `keep` stay,
    /// and goes on with new files. No line is lost. Tells what was renamed, with its size.
    func rotateLogs(_ log: String?, keep: Int, by caller: ControlCaller) async throws -> [LogFile]
    /// Writes one line to the core's error log.
    func writeLog(_ level: LogLevel, _ message: String)
    /// Raises an event of a script's own.
    func raise(_ event: CoreEvent.OfScript) throws
    /// Events from now on; a reader that falls more than `buffer` events behind loses the oldest ones and is told how many.
    func events(buffer: Int) -> AsyncStream<EventDelivery>
    /// Calls `body` with each event of the topics from now on, one after another in their order, on the thread that raises
    /// it: it must return at once and must not raise events itself.
    func observeEvents(
        _ topics: CoreEvent.Topics, _ body: @escaping @Sendable (CoreEvent) -> Void
    ) -> any ControlSubscription
    /// Calls `body` when a counter reaches the threshold, on the thread that counts and before it goes on: `body` must return
    /// at once. A counter that has reached it already is told before this returns. Each crossing is told once; a counter
    /// that is reset may cross again.
    ///
    /// In `pattern` a `*` stands for any text. Where the part behind the last `>>>` is `*`, the counters that differ in that
    /// part alone are added up: `user>>>*>>>traffic>>>*` watches the up and down of each user together. Counters that are made
    /// later are watched, too. With `ofTotals` all that a counter ever counted is compared, whoever has reset it since.
    func watchCounters(
        _ pattern: String, threshold: Int64, ofTotals: Bool, _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) throws -> any ControlSubscription
}
