// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyModel
import Telemetry

/// Operations of our own: live flows, events, the log.
extension ProxyCore {
    package func flows(_ selector: FlowSelector) async -> [FlowReport] {
        await loops.gather { context in
            context.flows { $0.matches(selector) }.map { $0.report(now: context.now) }
        }.flatMap { $0 }
    }

    package func closeFlows(_ selector: FlowSelector, by caller: ControlCaller) async -> Int {
        await closeFlows(where: { $0.matches(selector) }, by: caller)
    }

    func closeFlows(where isMeant: @escaping @Sendable (Flow) -> Bool, by caller: ControlCaller) async -> Int {
        let closed = await loops.gather { context in
            let found = context.flows(matching: isMeant)
            for flow in found { flow.close() }
            return found.count
        }.reduce(0, +)
        if closed > 0 {
            services.log.write(
                .info, "app/dispatcher", "\(closed) flow\(closed == 1 ? "" : "s") closed by \(caller)")
        }
        return closed
    }

    package func writeLog(_ level: LogLevel, _ message: String) {
        services.log.write(level, "automation", message)
    }

    package func events(buffer: Int) -> AsyncStream<EventDelivery> {
        services.events.subscribe(buffer: buffer)
    }
}
