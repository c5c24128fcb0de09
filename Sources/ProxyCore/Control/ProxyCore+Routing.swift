// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
import NIOCore
import ProxyModel
import Routing
import Telemetry
package import XrayProtos

/// RoutingService.
extension ProxyCore {
    private static let notEnough = "common: not enough information for making a decision"

    package func testRoute(
        _ request: Xray_App_Router_Command_TestRouteRequest
    ) async throws -> Xray_App_Router_Command_RoutingContext {
        guard request.hasRoutingContext else { throw ControlError("app/router/command: Invalid routing request.") }
        guard hasRouter else { throw ControlError(Self.notEnough) }
        var response = request.routingContext
        var context = RoutingContext(request.routingContext)
        var pick = services.router.pick(context)
        if case .needsResolution(let domain) = pick {
            let loop = loops.next().eventLoop
            let addresses = try await services.resolver.resolve(domain, for: .core, on: loop).get()
            pick = services.router.pick(context, resolved: addresses)
            if !addresses.isEmpty { context.targetIPs = addresses }
            response.targetIps = context.targetIPs.map { Data($0.bytes) }
        }
        switch pick {
        case .outbound(let tag, _), .balanced(_, let tag, _): response.outboundTag = tag
        case .exhausted: throw ControlError("app/router: balancing strategy returns empty tag")
        case .none, .needsResolution: throw ControlError(Self.notEnough)
        }
        response.outboundGroupTags = []
        response.vlessRoute = 0
        if request.publishResult {
            services.decisions.publish(context, outboundTag: response.outboundTag)
        }
        applyFieldSelectors(request.fieldSelectors, to: &response)
        return response
    }

    package func subscribeRoutingStats(
        _ request: Xray_App_Router_Command_SubscribeRoutingStatsRequest
    ) throws -> AsyncThrowingStream<Xray_App_Router_Command_RoutingContext, any Error> {
        let decisions = services.decisions.subscribe()
        let selectors = request.fieldSelectors
        // Taken when the client is ready for the next one: what it does not keep up with is dropped by the feed, not kept here.
        return AsyncThrowingStream {
            var iterator = decisions.makeAsyncIterator()
            guard let decision = await iterator.next() else { return nil }
            var message = Xray_App_Router_Command_RoutingContext(decision.context)
            message.outboundTag = decision.outboundTag
            applyFieldSelectors(selectors, to: &message)
            return message
        }
    }

    package func getBalancerInfo(
        _ request: Xray_App_Router_Command_GetBalancerInfoRequest
    ) throws -> Xray_App_Router_Command_GetBalancerInfoResponse {
        var response = Xray_App_Router_Command_GetBalancerInfoResponse()
        response.balancer = .init()
        guard hasRouter else { return response }
        let info: (override: String, principle: [String])
        do {
            info = try services.router.balancerInfo(request.tag)
        } catch {
            throw ControlError(error.message)
        }
        response.balancer.override.target = info.override
        response.balancer.principleTarget.tag = info.principle
        return response
    }

    package func overrideBalancerTarget(
        _ request: Xray_App_Router_Command_OverrideBalancerTargetRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_OverrideBalancerTargetResponse {
        guard hasRouter else { throw ControlError("app/router/command: unsupported router implementation") }
        let change: BalancerChange
        do {
            change = try services.router.overrideBalancer(request.balancerTag, target: request.target)
        } catch {
            throw ControlError(error.message)
        }
        changed(
            .balancerChanged(change), "balancer \(request.balancerTag) set to \"\(request.target)\"", by: caller)
        return .init()
    }

    package func addRule(
        _ request: Xray_App_Router_Command_AddRuleRequest, by caller: ControlCaller
    ) async throws -> Xray_App_Router_Command_AddRuleResponse {
        guard hasRouter else { throw ControlError(Self.notEnough) }
        guard request.hasConfig else { throw ControlError("app/router: AddRule: config is missing") }
        var settings = request.config
        do { try OlderSenders.update(&settings) } catch {
            throw ControlError(error.description).within("app/router: request of an older release")
        }
        let config: Xray_App_Router_Config
        do {
            guard let typed = try settings.typed(as: Xray_App_Router_Config.self) else {
                throw ControlError("app/router: AddRule: config type error")
            }
            config = typed
        } catch {
            throw ControlError(typed: error)
        }
        let balancers: [BalancerChange]
        do {
            balancers = try services.router.add(config, append: request.shouldAppend)
        } catch {
            throw ControlError(error.message)
        }
        changed(.rulesChanged, "\(config.rule.count) rules added", by: caller)
        for balancer in balancers { services.events.publish(.balancerChanged(balancer)) }
        return .init()
    }

    package func removeRule(
        _ request: Xray_App_Router_Command_RemoveRuleRequest, by caller: ControlCaller
    ) throws -> Xray_App_Router_Command_RemoveRuleResponse {
        guard hasRouter else { throw ControlError(Self.notEnough) }
        do {
            try services.router.remove(ruleTag: request.ruleTag)
        } catch {
            throw ControlError(error.message)
        }
        changed(.rulesChanged, "rule \(request.ruleTag) removed", by: caller)
        return .init()
    }

    package func listRule(
        _ request: Xray_App_Router_Command_ListRuleRequest
    ) throws -> Xray_App_Router_Command_ListRuleResponse {
        var response = Xray_App_Router_Command_ListRuleResponse()
        guard hasRouter else { return response }
        response.rules = services.router.list().map { rule in
            var item = Xray_App_Router_Command_ListRuleItem()
            item.tag = rule.tag
            item.ruleTag = rule.ruleTag
            return item
        }
        return response
    }
}

extension CoreEvent.Kind {
    static func balancerChanged(_ change: BalancerChange) -> CoreEvent.Kind {
        .balancerChanged(tag: change.tag, target: change.target, outbounds: change.outbounds)
    }
}

extension ProxyCore: ControlPlane {}
