// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
import ProxyModel
import Telemetry
package import XrayProtos

/// StatsService and LoggerService.
extension ProxyCore {
    package func counterValue(named name: String) -> Int64? {
        services.stats.find(name)?.value
    }

    /// In the order of the first ones; none without statistics.
    package var rejectedHandshakes: [RejectedHandshakes] { RejectedHandshakes.all(in: services.stats) }

    package func counterTotals(_ pattern: String) async -> [Xray_App_Stats_Command_Stat] {
        services.stats.totals(pattern: pattern).map { reading in
            var stat = Xray_App_Stats_Command_Stat()
            stat.name = reading.name
            stat.value = reading.value
            return stat
        }
    }

    package func getStats(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        guard let counter = services.stats.find(request.name) else { throw Self.notFound(request.name) }
        return Self.response(request.name, request.reset ? counter.reset() : counter.value)
    }

    package func getStatsOnline(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsResponse {
        guard let map = services.stats.findOnline(request.name) else { throw Self.notFound(request.name) }
        return Self.response(request.name, Int64(map.count))
    }

    package func queryStats(
        _ request: Xray_App_Stats_Command_QueryStatsRequest
    ) async throws -> Xray_App_Stats_Command_QueryStatsResponse {
        var response = Xray_App_Stats_Command_QueryStatsResponse()
        response.stat = services.stats.query(pattern: request.pattern, reset: request.reset).map { reading in
            var stat = Xray_App_Stats_Command_Stat()
            stat.name = reading.name
            stat.value = reading.value
            return stat
        }
        return response
    }

    package func getSysStats(
        _ request: Xray_App_Stats_Command_SysStatsRequest
    ) throws -> Xray_App_Stats_Command_SysStatsResponse {
        let memory = ProcessMemory.current
        var response = Xray_App_Stats_Command_SysStatsResponse()
        response.numGoroutine = UInt32(clamping: memory.threads)
        response.alloc = memory.resident
        response.totalAlloc = memory.resident
        response.sys = memory.virtual
        response.uptime = UInt32(clamping: (ContinuousClock.now - startedAt).components.seconds)
        return response
    }

    package func getStatsOnlineIPList(
        _ request: Xray_App_Stats_Command_GetStatsRequest
    ) throws -> Xray_App_Stats_Command_GetStatsOnlineIpListResponse {
        guard let map = services.stats.findOnline(request.name) else { throw Self.notFound(request.name) }
        var response = Xray_App_Stats_Command_GetStatsOnlineIpListResponse()
        response.name = request.name
        for entry in map.entries { response.ips[entry.ip.bracketed] = entry.lastSeen }
        return response
    }

    package func getAllOnlineUsers(
        _ request: Xray_App_Stats_Command_GetAllOnlineUsersRequest
    ) async throws -> Xray_App_Stats_Command_GetAllOnlineUsersResponse {
        var response = Xray_App_Stats_Command_GetAllOnlineUsersResponse()
        response.users = services.stats.onlineMaps().map(\.name)
        return response
    }

    package func getUsersStats(
        _ request: Xray_App_Stats_Command_GetUsersStatsRequest
    ) async throws -> Xray_App_Stats_Command_GetUsersStatsResponse {
        var response = Xray_App_Stats_Command_GetUsersStatsResponse()
        for map in services.stats.onlineMaps() {
            let parts = map.name.components(separatedBy: ">>>")
            guard parts.count >= 2 else { continue }
            var user = Xray_App_Stats_Command_UserStat()
            user.email = parts[1]
            user.ips = map.entries.map { entry in
                var ip = Xray_App_Stats_Command_OnlineIPEntry()
                ip.ip = entry.ip.bracketed
                ip.lastSeen = entry.lastSeen
                return ip
            }
            if request.includeTraffic {
                user.traffic.uplink = traffic(of: parts[1], "uplink", reset: request.reset)
                user.traffic.downlink = traffic(of: parts[1], "downlink", reset: request.reset)
            }
            response.users.append(user)
        }
        return response
    }

    package func restartLogger(
        _ request: Xray_App_Log_Command_RestartLoggerRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Log_Command_RestartLoggerResponse {
        do {
            try services.log.reopen()
        } catch {
            throw ControlError("\(error)").within("app/log/command: failed to start logger")
        }
        services.events.publish(.loggerRestarted)
        return .init()
    }

    package func getOutboundStatus(
        _ request: Xray_Core_App_Observatory_Command_GetOutboundStatusRequest
    ) throws -> Xray_Core_App_Observatory_Command_GetOutboundStatusResponse {
        throw ControlError(code: .unimplemented, "observatories are not available")
    }

    private func traffic(of email: String, _ direction: String, reset: Bool) -> Int64 {
        guard let counter = services.stats.find("user>>>\(email)>>>traffic>>>\(direction)") else { return 0 }
        return reset ? counter.reset() : counter.value
    }

    private static func response(_ name: String, _ value: Int64) -> Xray_App_Stats_Command_GetStatsResponse {
        var response = Xray_App_Stats_Command_GetStatsResponse()
        response.stat.name = name
        response.stat.value = value
        return response
    }

    private static func notFound(_ name: String) -> ControlError {
        ControlError(code: .notFound, "\(name) not found.")
    }
}
