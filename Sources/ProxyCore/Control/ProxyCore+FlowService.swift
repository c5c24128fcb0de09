// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
import ProxyModel
import Routing
package import XrayProtos

/// FlowService. Each call walks all live flows once, loop by loop (some 20 ns for a flow that is not meant).
extension ProxyCore {
    package func listFlows(
        _ request: Tidegate_Core_V1_ListFlowsRequest
    ) async throws -> Tidegate_Core_V1_ListFlowsResponse {
        let matcher = try matcher(request.selector)
        let limit = request.limit == 0 ? Int.max : Int(request.limit)
        let found = await loops.gather { context in
            let flows = context.flows(matching: matcher)
            return (count: flows.count, reports: flows.prefix(limit).map { $0.report(now: context.now) })
        }
        var response = Tidegate_Core_V1_ListFlowsResponse()
        response.total = UInt64(found.reduce(0) { $0 + $1.count })
        response.flows = found.flatMap(\.reports).prefix(limit).map(Tidegate_Core_V1_Flow.init)
        return response
    }

    package func closeFlows(
        _ request: Tidegate_Core_V1_CloseFlowsRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_CloseFlowsResponse {
        guard request.all || request.selector != .init() else {
            throw ControlError("tidegate/core: the selector is empty; set all to close every flow")
        }
        let matcher = try matcher(request.selector)
        var response = Tidegate_Core_V1_CloseFlowsResponse()
        response.closed = UInt64(await closeFlows(where: matcher, by: caller))
        return response
    }

    private func matcher(
        _ selector: Tidegate_Core_V1_FlowSelector
    ) throws(ControlError) -> @Sendable (Flow) -> Bool {
        let parts = FlowSelector(
            inbound: selector.inboundTag.nonEmpty, outbound: selector.outboundTag.nonEmpty,
            email: selector.userEmail.nonEmpty)
        let ids = Set(selector.id)
        let sources: AddressMatcher?
        do {
            sources = try services.router.addressMatcher(selector.sourceIp)
        } catch {
            throw ControlError(error.message).within("tidegate/core: source_ip")
        }
        return { flow in
            (ids.isEmpty || ids.contains(flow.id)) && flow.matches(parts)
                && (sources?.matches(flow.session.source.ip) ?? true)
        }
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}

extension Tidegate_Core_V1_Flow {
    init(_ report: FlowReport) {
        let summary = report.summary
        self.init()
        id = summary.id
        inboundTag = summary.inbound
        outboundTag = summary.outbound
        userEmail = summary.email
        network = .init(rawValue: summary.target.network.rawValue) ?? .unknown
        sourceIp = Data(summary.source.ip.bytes)
        sourcePort = UInt32(summary.source.port)
        switch summary.target.address {
        case .ip(let ip): targetHost = ip.description
        case .domain(let name): targetHost = name
        }
        targetPort = UInt32(summary.target.port)
        uplink = report.uplink
        downlink = report.downlink
        ageSeconds = report.age
    }
}
