// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
package import NIOCore
import ProxyModel
package import Routing
import SwiftProtobuf
import Synchronization
package import Telemetry
package import XrayProtos

/// The core: inbounds → dispatcher → router → outbounds, with users, counters and logs; the ``ControlPlane`` of the process.
///
/// Thread-safe. `init` builds everything and opens nothing, so a configuration can be checked by making a core;
/// `start` opens the listeners; `stop` closes them and ends the flows.
package final class ProxyCore: Sendable {
    let factory: any ProtocolFactory
    let assets: AssetDirectory
    let services: CoreServices
    let inbounds = InboundSet()
    let loops: LoopSet
    private let routes: Atomic<Bool>
    /// What reads the configuration again; nil where there is none to be read.
    let reloading = Mutex<Reload?>(nil)
    let opensListeners: Bool
    private let initialInbounds: [(Inbound, ListenPlan)]
    let startedAt = ContinuousClock.now

    package var log: CoreLog { services.log }
    package var stats: StatsRegistry { services.stats }
    package var bus: EventBus { services.events }

    /// - Throws: ``CoreBuildError`` for a setting that cannot be used.
    package init(
        _ settings: CoreSettings, factory: any ProtocolFactory, log: CoreLog, group: any EventLoopGroup,
        assets: AssetDirectory, stats: StatsRegistry = StatsRegistry(), events: EventBus = EventBus(),
        resolver: Resolver = Resolver()
    ) throws {
        let router: Router
        do {
            router = try Router(settings.routing, assets: assets)
        } catch {
            throw CoreBuildError(part: .routing, message: error.message)
        }
        self.factory = factory
        self.assets = assets
        routes = Atomic(settings.routing != nil)
        opensListeners = settings.opensListeners
        loops = LoopSet(group: group)
        services = CoreServices(
            policy: Policy(settings.policy, statistics: settings.keepsStatistics), stats: stats, log: log,
            events: events, router: router,
            outbounds: OutboundSet { tags in
                for change in router.setOutboundTags(tags) { events.publish(.balancerChanged(change)) }
            }, resolver: resolver, wall: settings.wall)
        let services = services
        for context in loops.contexts {
            context.onFlowRemoved = { services.flowRemoved($0) }
        }
        for (index, config) in settings.outbounds.enumerated() {
            do {
                try services.outbounds.add(
                    Self.makeOutbound(config, factory: factory, services: services, assets: assets))
            } catch {
                throw CoreBuildError(part: .outbound(index), message: error.message)
            }
        }
        var initial: [(Inbound, ListenPlan)] = []
        for (index, config) in settings.inbounds.enumerated() {
            do {
                let (inbound, plan) = try Self.makeInbound(
                    config, factory: factory, services: services, assets: assets)
                try inbounds.reserve(inbound.tag)
                initial.append((inbound, plan))
            } catch {
                throw CoreBuildError(part: .inbound(index), message: error.message)
            }
        }
        initialInbounds = initial
    }

    /// Whether there is a `routing` object.
    var hasRouter: Bool { routes.load(ordering: .relaxed) }

    func setRouting(exists: Bool) { routes.store(exists, ordering: .relaxed) }

    var listener: InboundListener { InboundListener(services: services, loops: loops) }

    /// Opens the configured inbounds.
    ///
    /// - Parameter accepting: False: the ports are taken, and connections to them wait in the kernel until ``accept()``.
    /// - Throws: ``ControlError`` when a port cannot be bound; everything opened before is closed again.
    package func start(accepting: Bool = true) async throws {
        var listener = listener
        // No connection comes before all inbounds are there: one of them may lead to the API, which lists them.
        listener.takeover = InboundListener.Takeover()
        if opensListeners { _ = await loops.gather { $0.start() } }
        if case .some(nil) = XUDP.keyOfEnvironment {
            services.log.write(
                .warning, "common/xudp", "XRAY_XUDP_BASEKEY is not 32 bytes in base64url; a random key is used")
        }
        for (inbound, plan) in initialInbounds {
            do {
                if opensListeners { try await listener.open(inbound, plan) }
            } catch {
                await closeListeners()
                throw error
            }
            inbounds.publish(inbound)
            services.log.write(
                .debug, "app/proxyman/inbound", "listening on \(inbound.localAddresses) for \(inbound.tag)")
        }
        if accepting { await accept() }
    }

    /// Lets in the connections that have waited since `start(accepting: false)`.
    package func accept() async {
        for inbound in inbounds.all { await inbound.beginAccepting() }
    }

    /// Closes the listeners, waits up to `grace` for the flows to end by themselves, and ends the rest.
    package func stop(grace: Duration) async {
        await closeListeners()
        let clock = ContinuousClock()
        let end = clock.now + grace
        while clock.now < end, await flowCount() > 0 {
            try? await clock.sleep(for: .milliseconds(50))
        }
        _ = await loops.gather {
            $0.closeAll()
            $0.stop()
        }
        services.decisions.close()
        services.resolver.stop()
    }

    package func flowCount() async -> Int {
        await loops.gather { $0.flowCount }.reduce(0, +)
    }

    /// Takes no new connections; those that there are go on.
    package func stopListening() async {
        await closeListeners()
    }

    private func closeListeners() async {
        for inbound in inbounds.all { await inbound.closeListeners() }
    }

    /// The addresses that an inbound listens on; for tests and for the start-up log.
    package func localAddresses(ofInbound tag: String) -> [SocketAddress] {
        inbounds.find(tag)?.localAddresses ?? []
    }

    /// Puts an outbound of this process's own in use, such as the API's; it is not listed and not counted. One that has its
    /// tag already is replaced.
    package func addInternalOutbound(tag: String, _ proto: any OutboundProtocol) throws(ControlError) {
        let wasDefault = services.outbounds.defaultOutbound?.tag == tag
        services.outbounds.remove(tag)
        if wasDefault {
            services.log.write(.warning, "app/commander", "the outbound \(tag) is replaced by the API's own")
        }
        try services.outbounds.add(
            Outbound(tag: tag, proto: proto, transport: .raw, config: nil, uplink: nil, downlink: nil))
    }

    // MARK: Building

    func open(_ config: Xray_Core_InboundHandlerConfig) async throws {
        let (inbound, plan) = try Self.makeInbound(
            config, factory: factory, services: services, assets: assets)
        try inbounds.reserve(inbound.tag)
        do {
            if opensListeners { try await listener.open(inbound, plan) }
        } catch {
            inbounds.release(inbound.tag)
            throw error
        }
        inbounds.publish(inbound)
    }

    static func makeInbound(
        _ config: Xray_Core_InboundHandlerConfig, factory: any ProtocolFactory, services: CoreServices,
        assets: AssetDirectory
    ) throws(ControlError) -> (Inbound, ListenPlan) {
        let scope = "app/proxyman/inbound"
        guard config.hasReceiverSettings else { throw ControlError("\(scope): receiver_settings is missing") }
        guard config.hasProxySettings else { throw ControlError("\(scope): proxy_settings is missing") }
        let receiver: Xray_App_Proxyman_ReceiverConfig
        do {
            _ = try TypedMessages.unpack(config.receiverSettings)
            guard let typed = try config.receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self) else {
                throw ControlError("\(scope): not a ReceiverConfig")
            }
            receiver = typed
        } catch {
            throw ControlError(typed: error)
        }
        guard let proto = try factory.makeInbound(config.proxySettings) else {
            throw ControlError("\(scope): not an inbound proxy.")
        }
        let transport = try InboundTransport(
            receiver.streamSettings, tag: config.tag, speaksHTTP1: proto.speaksHTTP1, log: services.log)
        let plan = try ListenPlan(receiver)
        let redirection = Redirection(receiver)
        guard redirection != .redirect || !proto.networks.contains(.udp) || proto.datagramFormat != nil else {
            throw ControlError(
                "\(scope): followRedirect of datagrams needs sockopt.tproxy \"tproxy\": the kernel does not tell where a datagram was "
                    + "going that REDIRECT brought; or allow the network tcp only")
        }
        let counts = !config.tag.isEmpty
        let inbound = Inbound(
            tag: config.tag, proto: proto, transport: transport, config: config,
            redirection: redirection,
            sniffing: try SniffingSettings(receiver.sniffingSettings, assets: assets),
            uplink: counts && services.policy.countsInboundUplink
                ? services.stats.counter("inbound>>>\(config.tag)>>>traffic>>>uplink") : nil,
            downlink: counts && services.policy.countsInboundDownlink
                ? services.stats.counter("inbound>>>\(config.tag)>>>traffic>>>downlink") : nil)
        return (inbound, plan)
    }

    static func makeOutbound(
        _ config: Xray_Core_OutboundHandlerConfig, factory: any ProtocolFactory, services: CoreServices,
        assets: AssetDirectory
    ) throws(ControlError) -> Outbound {
        let scope = "app/proxyman/outbound"
        guard config.hasProxySettings else { throw ControlError("\(scope): proxy_settings is missing") }
        // What is wrong with the sender's settings is told first.
        let proto = Result { () throws(ControlError) in
            try factory.makeOutbound(config.proxySettings, assets: assets)
        }
        let speaksHTTP1 = (try? proto.get())?.speaksHTTP1 ?? false
        var transport = OutboundTransport.raw
        var sendThrough: SendThrough?
        var mux: MuxSettings?
        if config.hasSenderSettings {
            do {
                _ = try TypedMessages.unpack(config.senderSettings)
                guard let sender = try config.senderSettings.typed(as: Xray_App_Proxyman_SenderConfig.self) else {
                    throw ControlError("\(scope): settings is not SenderConfig")
                }
                mux = try MuxSettings(sender.multiplexSettings)
                transport = try OutboundTransport(
                    sender, tag: config.tag, speaksHTTP1: speaksHTTP1, log: services.log)
                sendThrough = try SendThrough(sender)
                guard sender.targetStrategy == .asIs else {
                    throw ControlError("\(scope): targetStrategy is not available; freedom has a domainStrategy")
                }
            } catch {
                throw ControlError(typed: error)
            }
        }
        guard let proto = try proto.get() else {
            throw ControlError("\(scope): not an outbound handler")
        }
        var config = config
        if !config.hasSenderSettings {
            // As the original lists it.
            config.senderSettings.type = Xray_App_Proxyman_SenderConfig.protoMessageName
        }
        let counts = !config.tag.isEmpty
        return Outbound(
            tag: config.tag, proto: proto, transport: transport, config: config, mux: mux,
            uplink: counts && services.policy.countsOutboundUplink
                ? services.stats.counter("outbound>>>\(config.tag)>>>traffic>>>uplink") : nil,
            downlink: counts && services.policy.countsOutboundDownlink
                ? services.stats.counter("outbound>>>\(config.tag)>>>traffic>>>downlink") : nil,
            sendThrough: sendThrough)
    }
}

extension ControlError {
    /// The error of an operation that may throw a ``TypedMessageError`` or a ``ControlError``.
    init(typed error: any Error) {
        switch error {
        case let error as ControlError: self = error
        case let error as TypedMessageError: self.init(error.protoMessage)
        default: self.init("\(error)")
        }
    }
}

extension TypedMessageError {
    /// The text that protobuf's Go runtime has for the same fault.
    package var protoMessage: String {
        switch self {
        case .notFound: "proto: not found"
        case .malformed: "proto: cannot parse invalid wire-format data"
        }
    }
}
