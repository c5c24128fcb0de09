// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
import ProxyModel
import Routing
import Synchronization
import Telemetry
package import XrayProtos

/// Becoming another configuration while connections go on.
extension ProxyCore {
    /// Reads the configuration again and applies it.
    package typealias Reload =
        @Sendable (Tidegate_Core_V1_ReloadRequest, ControlCaller) async throws -> Tidegate_Core_V1_ReloadResponse

    /// Says what a call of Reload does; without, it is refused.
    package func onReload(_ body: @escaping Reload) {
        reloading.withLock { $0 = body }
    }

    package func reload(
        _ request: Tidegate_Core_V1_ReloadRequest, by caller: ControlCaller
    ) async throws -> Tidegate_Core_V1_ReloadResponse {
        guard let body = reloading.withLock({ $0 }) else {
            throw ControlError(code: .unimplemented, "this core has no configuration that could be read again")
        }
        return try await body(request, caller)
    }

    /// Applies a plan whose settings a core can be made of. One after another: what may fail (ports that are taken) is done first, before
    /// anything is different; then outbounds, rules, inbounds, users. An inbound that is replaced on the same address goes on with the sockets
    /// that listen there, so that no connection is refused meanwhile. Flows that there are go on as they began.
    /// - Throws: ``ControlError``; everything is as before then.
    package func apply(_ plan: ReloadPlan, by caller: ControlCaller) async throws {
        let outbounds = try (plan.outbounds.added + plan.outbounds.replaced.map(\.after)).map { config in
            try Self.makeOutbound(config, factory: factory, services: services, assets: assets)
        }
        let closing =
            (plan.inbounds.removed + plan.inbounds.replaced.map(\.before)).compactMap { running($0) }
            + plan.inbounds.added.compactMap { inbounds.find($0.tag) }
        let opened = try await open(plan.inbounds.replaced.map(\.after) + plan.inbounds.added, takingOver: closing)
        var balancers: [BalancerChange] = []
        do {
            let before = try services.outbounds.put(outbounds)
            do {
                if let routing = plan.routing {
                    balancers = try services.router.replaceConfigured(by: routing.config ?? .init())
                    setRouting(exists: routing.config != nil)
                }
            } catch {
                services.outbounds.restore(before)
                throw ControlError(error.message)
            }
            retire(plan.outbounds, before: before)
        } catch {
            for inbound in opened { await inbound.closeListeners() }
            throw error
        }
        let displaced = inbounds.replace(closing, by: opened)
        for inbound in opened { await inbound.beginAccepting() }
        for inbound in closing + displaced { await inbound.closeListeners() }
        tell(plan, balancers, by: caller)
        for changes in plan.inbounds.users { apply(changes, by: caller) }
    }

    // MARK: - Inbounds

    /// The inbound that was made of this configuration, unless the API has removed it.
    private func running(_ config: Xray_Core_InboundHandlerConfig) -> Inbound? {
        config.tag.isEmpty ? inbounds.all.first { $0.tag.isEmpty && $0.config == config } : inbounds.find(config.tag)
    }

    /// Opens inbounds that do not accept yet, all or none.
    private func open(
        _ configs: [Xray_Core_InboundHandlerConfig], takingOver closing: [Inbound]
    ) async throws -> [Inbound] {
        let made = try configs.map { config in
            try Self.makeInbound(config, factory: factory, services: services, assets: assets)
        }
        guard opensListeners else { return made.map(\.0) }
        try Self.refuseDoubles(made)
        var takeover = InboundListener.Takeover()
        takeover.closing = closing
        for inbound in closing {
            takeover.ports.formUnion(Self.plan(of: inbound)?.ports ?? [])
            await inbound.sharePorts()
        }
        var listener = listener
        listener.takeover = takeover
        var opened: [Inbound] = []
        do {
            for (inbound, plan) in made {
                try await listener.open(inbound, plan)
                opened.append(inbound)
            }
        } catch {
            for inbound in opened { await inbound.closeListeners() }
            throw error
        }
        return opened
    }

    /// Ports are shared while inbounds take over from others, so the kernel does not say that two new ones want the same.
    private static func refuseDoubles(_ made: [(inbound: Inbound, plan: ListenPlan)]) throws(ControlError) {
        for (index, new) in made.enumerated() {
            let other = made[..<index].first {
                $0.plan.meets(new.plan) && !$0.inbound.proto.networks.isDisjoint(with: new.inbound.proto.networks)
            }
            guard let other else { continue }
            throw ControlError(
                "app/proxyman/inbound: \(other.inbound.tag) and \(new.inbound.tag) would listen on the same address")
        }
    }

    private static func plan(of inbound: Inbound) -> ListenPlan? {
        guard let receiver = try? inbound.config.receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self)
        else { return nil }
        return try? ListenPlan(receiver)
    }

    // MARK: - Outbounds

    /// Takes out what the configuration does not have any more.
    private func retire(_ changes: ReloadPlan.Outbounds, before: OutboundSet.State) {
        let gone = changes.removed.compactMap { config -> Outbound? in
            guard config.tag.isEmpty else { return before.byTag[config.tag].flatMap { $0.config == nil ? nil : $0 } }
            return before.untagged.first { $0.config?.proxySettings == config.proxySettings }
        }
        let replaced = changes.replaced.filter(\.after.tag.isEmpty).compactMap { before, _ in
            services.outbounds.all.first { $0.tag.isEmpty && $0.config?.proxySettings == before.proxySettings }
        }
        guard !gone.isEmpty || !replaced.isEmpty || changes.isOrderNew || changes.isFirstNew else { return }
        let first = changes.isFirstNew ? changes.order.first.flatMap { services.outbounds.find($0) } : nil
        services.outbounds.remove(gone + replaced, order: changes.order, newDefault: first)
    }

    // MARK: - Users

    private func apply(_ changes: ReloadPlan.UserChanges, by caller: ControlCaller) {
        guard let inbound = running(changes.before), let users = inbound.proto.users else { return }
        let tag = inbound.tag
        func remove(_ email: String) {
            guard (try? users.remove(email: email)) != nil else { return }
            changed(
                .userRemoved(inbound: tag, email: email), "user \(email) removed from inbound \(tag)", by: caller)
        }
        func add(_ user: Xray_Common_Protocol_User) {
            do {
                try users.add(user)
                changed(
                    .userAdded(inbound: tag, email: user.email), "user \(user.email) added to inbound \(tag)",
                    by: caller)
            } catch {
                services.log.write(.warning, "core", "user \(user.email) not added to inbound \(tag): \(error)")
            }
        }
        for email in changes.removed { remove(email) }
        // Somebody whom the API or a script has removed stays removed until the file says something new of that user.
        for user in changes.changed + changes.added {
            if users.user(email: user.email) != nil { remove(user.email) }
            add(user)
        }
        inbound.config = changes.after
    }

    // MARK: - Telling

    private func tell(_ plan: ReloadPlan, _ balancers: [BalancerChange], by caller: ControlCaller) {
        func outbound(added tag: String) { changed(.outboundAdded(tag: tag), "outbound \(tag) added", by: caller) }
        func outbound(removed tag: String) {
            changed(.outboundRemoved(tag: tag), "outbound \(tag) removed", by: caller)
        }
        func inbound(added tag: String) { changed(.inboundAdded(tag: tag), "inbound \(tag) added", by: caller) }
        func inbound(removed tag: String) { changed(.inboundRemoved(tag: tag), "inbound \(tag) removed", by: caller) }
        for config in plan.outbounds.added { outbound(added: config.tag) }
        for pair in plan.outbounds.replaced {
            outbound(removed: pair.before.tag)
            outbound(added: pair.after.tag)
        }
        for config in plan.outbounds.removed { outbound(removed: config.tag) }
        if let routing = plan.routing {
            changed(.rulesChanged, "rules replaced by \(routing.config?.rule.count ?? 0)", by: caller)
            for balancer in balancers { services.events.publish(.balancerChanged(balancer)) }
        }
        for config in plan.inbounds.removed { inbound(removed: config.tag) }
        for pair in plan.inbounds.replaced {
            inbound(removed: pair.before.tag)
            inbound(added: pair.after.tag)
        }
        for config in plan.inbounds.added { inbound(added: config.tag) }
    }
}
