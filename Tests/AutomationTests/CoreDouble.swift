// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyModel
import SwiftProtobuf
import Synchronization
import Telemetry
import XrayProtos

@testable import Automation

/// A core without a network: inbounds with users, counters, rules and flows in memory.
final class CoreDouble: ControlPlane {
    struct State {
        var inbounds: [String: (config: Xray_Core_InboundHandlerConfig, users: [Xray_Common_Protocol_User])] = [:]
        var outbounds: [Xray_Core_OutboundHandlerConfig] = []
        var counters: [String: Int64] = [:]
        var rules: [Xray_App_Router_Command_ListRuleItem] = []
        var flows: [FlowReport] = []
        var log: [String] = []
        var callers: [ControlCaller] = []
        /// Requests as they came, as text, by operation.
        var requests: [String] = []
        /// Called by ``testRoute`` before it answers.
        var onTestRoute: (@Sendable () async -> Void)?
        /// Called by ``getSysStats``, which blocks as long as this does.
        var onSysStats: (@Sendable () -> Void)?
    }

    let state = Mutex(State())
    let bus = EventBus()
    /// The counters that are watched.
    let stats = StatsRegistry()

    var log: [String] { state.withLock { $0.log } }

    func addInbound(tag: String, protocolType: String, users: [Xray_Common_Protocol_User] = []) {
        var config = Xray_Core_InboundHandlerConfig()
        config.tag = tag
        config.proxySettings.type = protocolType
        state.withLock { $0.inbounds[tag] = (config, users) }
    }

    static func vlessUser(_ email: String, id: String) throws -> Xray_Common_Protocol_User {
        var account = Xray_Proxy_Vless_Account()
        account.id = id
        account.flow = "xtls-rprx-vision"
        var user = Xray_Common_Protocol_User()
        user.email = email
        user.level = 1
        user.account = try TypedMessages.pack(account)
        return user
    }

    func emails(_ tag: String) -> [String] {
        state.withLock { $0.inbounds[tag]?.users.map(\.email).sorted() ?? [] }
    }

    func setTraffic(_ email: String, up: Int64, down: Int64) {
        state.withLock { state in
            state.counters["user>>>\(email)>>>traffic>>>uplink"] = up
            state.counters["user>>>\(email)>>>traffic>>>downlink"] = down
        }
    }

    private func note(_ request: any Message, _ caller: ControlCaller? = nil) {
        state.withLock { state in
            state.requests.append("\(type(of: request).protoMessageName): \(request.textFormatString())")
            if let caller { state.callers.append(caller) }
        }
    }

    // MARK: - Handlers

    func addInbound(
        _ request: Xray_App_Proxyman_Command_AddInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_AddInboundResponse {
        note(request, caller)
        state.withLock { $0.inbounds[request.inbound.tag] = (request.inbound, []) }
        return .init()
    }

    func removeInbound(
        _ request: Xray_App_Proxyman_Command_RemoveInboundRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Proxyman_Command_RemoveInboundResponse {
        note(request, caller)
        guard state.withLock({ $0.inbounds.removeValue(forKey: request.tag) }) != nil else {
            throw ControlError("handler not found: \(request.tag)")
        }
        return .init()
    }

    func alterInbound(
        _ request: Xray_App_Proxyman_Command_AlterInboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterInboundResponse {
        note(request, caller)
        let operation = try TypedMessages.unpack(request.operation)
        try state.withLock { state in
            guard var inbound = state.inbounds[request.tag] else {
                throw ControlError("handler not found: \(request.tag)")
            }
            switch operation {
            case let add as Xray_App_Proxyman_Command_AddUserOperation:
                guard !inbound.users.contains(where: { $0.email == add.user.email }) else {
                    throw ControlError("proxy/vless: User \(add.user.email) already exists.")
                }
                inbound.users.append(add.user)
            case let remove as Xray_App_Proxyman_Command_RemoveUserOperation:
                guard let index = inbound.users.firstIndex(where: { $0.email == remove.email }) else {
                    throw ControlError("proxy/vless: User \(remove.email) not found.")
                }
                inbound.users.remove(at: index)
            default: throw ControlError("unknown operation")
            }
            state.inbounds[request.tag] = inbound
        }
        return .init()
    }

    func listInbounds(
        _ request: Xray_App_Proxyman_Command_ListInboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListInboundsResponse {
        note(request)
        var response = Xray_App_Proxyman_Command_ListInboundsResponse()
        response.inbounds = state.withLock { $0.inbounds.values.map(\.config).sorted { $0.tag < $1.tag } }
        return response
    }

    func getInboundUsers(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) async throws -> Xray_App_Proxyman_Command_GetInboundUserResponse {
        note(request)
        let users = try users(request.tag)
        var response = Xray_App_Proxyman_Command_GetInboundUserResponse()
        response.users = request.email.isEmpty ? users : [users.first { $0.email == request.email } ?? .init()]
        return response
    }

    func getInboundUsersCount(
        _ request: Xray_App_Proxyman_Command_GetInboundUserRequest
    ) throws -> Xray_App_Proxyman_Command_GetInboundUsersCountResponse {
        note(request)
        var response = Xray_App_Proxyman_Command_GetInboundUsersCountResponse()
        response.count = Int64(try users(request.tag).count)
        return response
    }

    private func users(_ tag: String) throws -> [Xray_Common_Protocol_User] {
        guard let users = state.withLock({ $0.inbounds[tag]?.users }) else {
            throw ControlError("handler not found: \(tag)")
        }
        return users
    }

    func addOutbound(
        _ request: Xray_App_Proxyman_Command_AddOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AddOutboundResponse {
        note(request, caller)
        state.withLock { $0.outbounds.append(request.outbound) }
        return .init()
    }

    func removeOutbound(
        _ request: Xray_App_Proxyman_Command_RemoveOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_RemoveOutboundResponse {
        note(request, caller)
        state.withLock { $0.outbounds.removeAll { $0.tag == request.tag } }
        return .init()
    }

    func alterOutbound(
        _ request: Xray_App_Proxyman_Command_AlterOutboundRequest, by caller: ControlCaller
    ) throws -> Xray_App_Proxyman_Command_AlterOutboundResponse {
        note(request, caller)
        return .init()
    }

    func listOutbounds(
        _ request: Xray_App_Proxyman_Command_ListOutboundsRequest
    ) async throws -> Xray_App_Proxyman_Command_ListOutboundsResponse {
        note(request)
        var response = Xray_App_Proxyman_Command_ListOutboundsResponse()
        response.outbounds = state.withLock { $0.outbounds }
        return response
    }

    // MARK: - Routing

    func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error> {
        note(request)
        let (stream, continuation) = AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error>.makeStream()
        for tag in ["one", "two"] {
            var context = Xray_App_Router_Command_RoutingContext()
            context.inboundTag = tag
            context.attributes = ["host": "example.com"]
            continuation.yield(context)
        }
        continuation.finish()
        return stream
    }

    func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext {
        note(request)
        if let wait = state.withLock({ $0.onTestRoute }) { await wait() }
        return request.routingContext
    }

    func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) throws -> Xray_App_Router_Command_GetBalancerInfoResponse {
        note(request)
        var response = Xray_App_Router_Command_GetBalancerInfoResponse()
        response.balancer.override.target = request.tag
        return response
    }

    func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse {
        note(request, caller)
        return .init()
    }

    func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Router_Command_AddRuleResponse {
        note(request, caller)
        return .init()
    }

    func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_RemoveRuleResponse {
        note(request, caller)
        return .init()
    }

    func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) throws -> Xray_App_Router_Command_ListRuleResponse {
        note(request)
        var response = Xray_App_Router_Command_ListRuleResponse()
        response.rules = state.withLock { $0.rules }
        return response
    }

    // MARK: - Statistics

    func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        note(request)
        return try state.withLock { state in
            guard let value = state.counters[request.name] else {
                throw ControlError(code: .notFound, "\(request.name) not found.")
            }
            if request.reset { state.counters[request.name] = 0 }
            var response = Xray_App_Stats_Command_GetStatsResponse()
            response.stat.name = request.name
            response.stat.value = value
            return response
        }
    }

    func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        try getStats(request)
    }

    func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse {
        note(request)
        return state.withLock { state in
            var response = Xray_App_Stats_Command_QueryStatsResponse()
            for (name, value) in state.counters.sorted(by: { $0.key < $1.key })
            where request.pattern.isEmpty || name.contains(request.pattern) {
                var stat = Xray_App_Stats_Command_Stat()
                stat.name = name
                stat.value = value
                response.stat.append(stat)
                if request.reset { state.counters[name] = 0 }
            }
            return response
        }
    }

    func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) throws -> Xray_App_Stats_Command_SysStatsResponse {
        note(request)
        state.withLock { $0.onSysStats }?()
        var response = Xray_App_Stats_Command_SysStatsResponse()
        response.uptime = 7
        response.alloc = .max
        return response
    }

    func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse {
        note(request)
        var response = Xray_App_Stats_Command_GetStatsOnlineIpListResponse()
        response.name = request.name
        response.ips = ["192.0.2.1": 5]
        return response
    }

    func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse {
        note(request)
        return .init()
    }

    func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse {
        note(request)
        return .init()
    }

    func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse {
        note(request, caller)
        return .init()
    }

    func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse {
        note(request)
        return .init()
    }

    func listFlows(
        _ request: Tidegate_Core_V1_ListFlowsRequest
    ) async throws -> Tidegate_Core_V1_ListFlowsResponse {
        note(request)
        return .init()
    }

    func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse {
        note(request, caller)
        return .init()
    }

    func reload(
        _ request: Tidegate_Core_V1_ReloadRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_ReloadResponse {
        note(request, caller)
        return .init()
    }

    // MARK: - Without messages

    func counterValue(named name: String) -> Int64? { state.withLock { $0.counters[name] } }

    func closeFlows(_ selector: FlowSelector, by caller: ControlCaller) async -> Int {
        state.withLock { state in
            let before = state.flows.count
            state.flows.removeAll { Self.matches($0, selector) }
            state.callers.append(caller)
            return before - state.flows.count
        }
    }

    func flows(_ selector: FlowSelector) async -> [FlowReport] {
        state.withLock { $0.flows.filter { Self.matches($0, selector) } }
    }

    private static func matches(_ flow: FlowReport, _ selector: FlowSelector) -> Bool {
        (selector.inbound ?? flow.summary.inbound) == flow.summary.inbound
            && (selector.outbound ?? flow.summary.outbound) == flow.summary.outbound
            && (selector.email ?? flow.summary.email) == flow.summary.email
            && (selector.source ?? flow.summary.source.ip) == flow.summary.source.ip
    }

    func counterTotals(_ pattern: String) async -> [Xray_App_Stats_Command_Stat] { [] }

    func raise(_ event: CoreEvent.OfScript) { bus.publish(.script(event)) }

    func logFiles() -> [LogFile] { [] }

    func rotateLogs(_ log: String?, keep: Int, by caller: ControlCaller) async throws -> [LogFile] { [] }

    func writeLog(_ level: LogLevel, _ message: String) {
        state.withLock { $0.log.append("[\(level.label)] \(message)") }
    }

    func events(buffer: Int) -> AsyncStream<EventDelivery> { bus.subscribe(buffer: buffer) }

    func observeEvents(
        _ topics: CoreEvent.Topics, _ body: @escaping @Sendable (CoreEvent) -> Void
    ) -> any ControlSubscription {
        let id = bus.observe(topics, body)
        return Cancellation { [bus] in bus.removeObserver(id) }
    }

    func watchCounters(
        _ pattern: String, threshold: Int64, ofTotals: Bool, _ body: @escaping @Sendable (CounterCrossing) -> Void
    ) throws -> any ControlSubscription {
        let id = stats.watch(CounterPattern(pattern), threshold: threshold, ofTotals: ofTotals, body)
        return Cancellation { [stats] in stats.removeWatch(id) }
    }

    private final class Cancellation: ControlSubscription {
        private let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        func cancel() { body() }
    }
}
