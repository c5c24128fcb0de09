// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
import NIOCore
package import ProxyModel
import Telemetry

/// Connections without sockets, for cores whose settings open no listeners. From the user's look-up to the flow's end this is the
/// path of ``StreamSession``; only handshakes, dialling and payload are missing.
extension ProxyCore: RehearsedCore {
    // All of them live on one loop: their order is then that in which they came.
    private var stageLoop: LoopContext { loops.contexts[0] }

    package func connect(_ connection: RehearsedConnection) async throws -> FlowSummary {
        let (inbound, user) = try admit(connection)
        let session = Session(
            logID: UInt32.random(in: .min ... .max), inboundTag: inbound.tag, inboundProtocol: inbound.proto.name,
            fromRemoteUser: inbound.proto.servesRemoteUsers, source: connection.source, local: .unspecified, user: user,
            level: user?.level ?? inbound.proto.userLevel, target: connection.target)
        let (services, loop) = (services, stageLoop)
        let promise = loop.eventLoop.makePromise(of: FlowSummary.self)
        loop.eventLoop.execute { Self.route(session, services, loop, promise) }
        return try await promise.futureResult.get()
    }

    private static func route(
        _ session: Session, _ services: CoreServices, _ loop: LoopContext, _ promise: EventLoopPromise<FlowSummary>
    ) {
        services.route(session, on: loop.eventLoop) { route in
            services.logRoute(session, route)
            guard let outbound = route.outbound else {
                let why = route.missing.map { "non existing outTag: \($0)" } ?? "default outbound handler not exist"
                return promise.fail(ControlError("app/dispatcher: \(why)"))
            }
            let plan = outbound.proto.stream(for: session)
            if case .reenter(let entry) = plan, let again = session.reentering(entry.inboundTag) {
                return Self.route(again, services, loop, promise)
            }
            let flow = services.openFlow(session, outboundTag: outbound.tag, on: loop)
            flow.closer = { [weak flow] in if let flow { loop.remove(flow) } }
            switch plan {
            case .refuse(let why):
                loop.remove(flow)
                promise.fail(ControlError("proxy/\(outbound.proto.name): \(why)"))
            case .reenter:
                loop.remove(flow)
                promise.fail(ControlError("proxy/\(outbound.proto.name): \(session.target) goes in circles"))
            case .discard(_, let hold):
                flow.idleLimit = hold
                promise.succeed(flow.summary)
            case .dial, .serve, .queries:
                promise.succeed(flow.summary)
            }
        }
    }

    private func admit(_ connection: RehearsedConnection) throws(ControlError) -> (Inbound, ProxyUser?) {
        if let tag = connection.inbound {
            guard let inbound = inbounds.find(tag) else {
                throw ControlError("app/proxyman/inbound: handler not found: \(tag)")
            }
            guard let users = inbound.proto.users else { return (inbound, nil) }
            if let user = users.user(email: connection.email) { return (inbound, user) }
            throw ControlError("proxy/\(inbound.proto.name): \(tag) has no user \(connection.email)")
        }
        for inbound in inbounds.all {
            if let user = inbound.proto.users?.user(email: connection.email) { return (inbound, user) }
        }
        throw ControlError("app/proxyman/inbound: no inbound has a user \(connection.email)")
    }

    package func move(_ id: UInt64, up: Int64, down: Int64) async -> Bool {
        let (loop, inbounds, outbounds) = (stageLoop, inbounds, services.outbounds)
        let moved = try? await loop.eventLoop.submit {
            guard let flow = loop.flows(matching: { $0.id == id }).first else { return false }
            let (inbound, outbound) = (inbounds.find(flow.session.inboundTag), outbounds.find(flow.outboundTag))
            inbound?.uplink?.add(Int(up))
            outbound?.uplink?.add(Int(up))
            flow.countUplink(Int(up), now: loop.now)
            inbound?.downlink?.add(Int(down))
            outbound?.downlink?.add(Int(down))
            flow.countDownlink(Int(down), now: loop.now)
            return true
        }.get()
        return moved ?? false
    }

    package func disconnect(_ id: UInt64) async -> Bool {
        let loop = stageLoop
        let removed = try? await loop.eventLoop.submit {
            loop.flows { $0.id == id }.map { loop.remove($0) }.contains(true)
        }.get()
        return removed ?? false
    }

    package func reject(inbound tag: String, source: Endpoint, reason: String) throws {
        guard let inbound = inbounds.find(tag) else {
            throw ControlError("app/proxyman/inbound: handler not found: \(tag)")
        }
        services.reject(
            reason, inbound: tag, proto: inbound.proto.name, source: source, session: UInt32.random(in: .min ... .max))
    }

    package func pass(to uptime: Duration) async {
        // What was logged before is in the files by then, whatever the machine is busy with.
        services.log.flush()
        let passed = TimeAmount.nanoseconds(Int64(clamping: Int(uptime / .nanoseconds(1))))
        _ = try? await stageLoop.eventLoop.submit { [loop = stageLoop] in loop.pass(passed) }.get()
    }

    package func end() async {
        await stop(grace: .zero)
    }
}
