// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import ProxyCore
import ProxyModel
import ProxyProtocols
import Routing
import SwiftProtobuf
import Synchronization
import Telemetry
import TestSupport
import Testing
import XrayProtos

/// A core that becomes another one while connections go on; real sockets.
@Suite(.serialized) struct ReloadTests {
    private static let bob = UUID(uuidString: "d4a3e3a5-1a4f-4b6e-9d0c-2f6d3a3f8f11")!

    /// A stage, and the settings that it was made of.
    private func stage(
        _ configure: @escaping (inout CoreSettings, UInt16) throws -> Void = { _, _ in }
    ) async throws -> (CoreStage, CoreSettings) {
        var settings = CoreSettings()
        var port: UInt16 = 0
        let stage = try await CoreStage(
            configure: { made in
                try configure(&made, port)
                settings = made
            },
            settings: { server in
                port = server
                return try CoreStage.vless([(CoreStage.alice, "alice@x")])
            })
        return (stage, settings)
    }

    private func reload(
        _ stage: CoreStage, _ settings: inout CoreSettings, _ change: (inout CoreSettings) throws -> Void
    ) async throws {
        var new = settings
        try change(&new)
        try await stage.core.apply(ReloadPlan(from: settings, to: new), by: .console)
        settings = new
    }

    private func client(_ stage: CoreStage, _ id: UUID, port: UInt16? = nil) throws -> VLESSClient {
        try VLESSClient(proxy: port ?? stage.port, id: id, target: stage.server.port, timeout: 5)
    }

    private func exchange(_ client: VLESSClient) async throws {
        nonisolated(unsafe) let client = client
        try await offPool { try client.exchange(up: 8, down: 10) }
    }

    @Test func usersComeAndGoWhileTheListenerAndLiveConnectionsStay() async throws {
        var (stage, settings) = try await stage()
        let live = try client(stage, CoreStage.alice)
        try await exchange(live)
        let listeners = stage.core.localAddresses(ofInbound: "in")
        let events = Mutex<[CoreEvent.Kind]>([])
        let subscription = stage.core.observeEvents(.users) { event in events.withLock { $0.append(event.kind) } }
        try await reload(stage, &settings) { new in
            new.inbounds[0] = try CoreStage.inbound("in", port: stage.port, CoreStage.vless([(Self.bob, "bob@x")]))
        }
        subscription.cancel()
        #expect(stage.core.localAddresses(ofInbound: "in") == listeners)
        try await exchange(live)
        try await exchange(client(stage, Self.bob))
        await #expect(throws: (any Error).self) { try await exchange(client(stage, CoreStage.alice)) }
        #expect(
            events.withLock { $0 } == [
                .userRemoved(inbound: "in", email: "alice@x"), .userAdded(inbound: "in", email: "bob@x"),
            ])
        #expect(stage.core.counterValue(named: "user>>>alice@x>>>traffic>>>downlink") == 20)
        // What is listed is what is in use, and the next change starts from there.
        let listed = try await stage.core.listInbounds(.init()).inbounds
        #expect(listed == settings.inbounds)
        await stage.stop()
    }

    @Test func whoWasRemovedByTheAPIStaysRemovedUntilTheFileSaysSomethingNew() async throws {
        var (stage, settings) = try await stage()
        var remove = Xray_App_Proxyman_Command_RemoveUserOperation()
        remove.email = "alice@x"
        let operation = try TypedMessages.pack(remove)
        _ = try stage.core.alterInbound(
            .with {
                $0.tag = "in"
                $0.operation = operation
            }, by: .console)
        try await reload(stage, &settings) { new in
            new.inbounds[0] = try CoreStage.inbound(
                "in", port: stage.port, CoreStage.vless([(CoreStage.alice, "alice@x"), (Self.bob, "bob@x")]))
        }
        await #expect(throws: (any Error).self) { try await exchange(client(stage, CoreStage.alice)) }
        try await exchange(client(stage, Self.bob))
        try await reload(stage, &settings) { new in
            let other = UUID()
            new.inbounds[0] = try CoreStage.inbound(
                "in", port: stage.port, CoreStage.vless([(other, "alice@x"), (Self.bob, "bob@x")]))
        }
        let users = try await stage.core.getInboundUsers(.with { $0.tag = "in" }).users
        #expect(Set(users.map(\.email)) == ["alice@x", "bob@x"])
        await stage.stop()
    }

    @Test func anInboundIsReplacedOnItsPortWithoutARefusedConnection() async throws {
        var (stage, settings) = try await stage()
        let live = try client(stage, CoreStage.alice)
        try await exchange(live)
        let isOver = Atomic<Bool>(false)
        let port = stage.port
        let target = stage.server.port
        async let attempts: (Int, [String]) = offPool {
            var (made, failures) = (0, [String]())
            while !isOver.load(ordering: .relaxed) {
                do {
                    let client = try VLESSClient(proxy: port, id: CoreStage.alice, target: target, timeout: 10)
                    try client.exchange(up: 8, down: 1)
                } catch {
                    failures.append("\(error)")
                }
                made += 1
            }
            return (made, failures)
        }
        for round in 0..<10 {
            try await reload(stage, &settings) { new in
                new.inbounds[0] = try CoreStage.inbound(
                    "in", port: port, CoreStage.vless([(CoreStage.alice, "alice@x")]))
                var receiver = try new.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self)
                receiver?.sniffingSettings.enabled = round.isMultiple(of: 2)
                receiver?.sniffingSettings.destinationOverride = ["http"]
                new.inbounds[0].receiverSettings = try TypedMessages.pack(#require(receiver))
            }
        }
        isOver.store(true, ordering: .relaxed)
        let (made, failures) = try await attempts
        #expect(made > 0)
        #expect(failures.isEmpty)
        try await exchange(live)
        await stage.stop()
    }

    @Test func coresThatAreMadeOnTrialLeaveNoThreadsBehind() throws {
        func threads() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count }
        let log = try CoreLog(LogSettings(errorLevel: .none, error: .none, access: .none))
        func make() throws {
            _ = try ProxyCore(
                CoreSettings(), factory: ProtocolRegistry.all, log: log, group: MultiThreadedEventLoopGroup.singleton,
                assets: AssetDirectory())
        }
        let before = try threads()
        for _ in 0..<50 { try make() }
        // Other tests start threads, too, but not 32 for each of these.
        #expect(try threads() - before < 500)
    }

    @Test func aSocketFileStaysWhereItIsForTheInboundThatTakesOver() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            "r\(UInt32.random(in: 0 ... .max)).sock"
        ).path
        defer { unlink(path) }
        func listening(_ mode: String) throws -> Xray_Common_Serial_TypedMessage {
            var receiver = Xray_App_Proxyman_ReceiverConfig()
            receiver.listen.address = .domain("\(path),\(mode)")
            return try TypedMessages.pack(receiver)
        }
        var (stage, settings) = try await stage { settings, server in
            settings.inbounds[0] = try CoreStage.inbound("in", port: 1, CoreStage.tunnel(to: server))
            settings.inbounds[0].receiverSettings = try listening("0600")
        }
        var before = stat()
        #expect(stat(path, &before) == 0)
        try await reload(stage, &settings) { $0.inbounds[0].receiverSettings = try listening("0660") }
        var after = stat()
        #expect(stat(path, &after) == 0)
        #expect(after.st_ino == before.st_ino && after.st_mode & 0o777 == 0o660)
        let client = try TCPClient(unixPath: path)
        try await offPool {
            try client.send(CoreStage.request(up: 8, down: 4))
            _ = try client.receive(exactly: 4)
        }
        try await reload(stage, &settings) { $0.inbounds = [] }
        #expect(throws: (any Error).self) { try TCPClient(unixPath: path) }
        await stage.stop()
    }

    @Test func aPortThatIsTakenChangesNothing() async throws {
        var (stage, settings) = try await stage()
        let busy = stage.server.port
        let before = settings
        let error = await #expect(throws: ControlError.self) {
            try await reload(stage, &settings) { new in
                new.inbounds[0] = try CoreStage.inbound("in", port: stage.port, CoreStage.vless([(Self.bob, "bob@x")]))
                new.inbounds.append(try CoreStage.inbound("second", port: busy, CoreStage.tunnel(to: 1)))
                new.outbounds = [try CoreStage.outbound("out", Xray_Proxy_Blackhole_Config())]
                new.routing?.rule = [
                    .with {
                        $0.tag = "gone"
                        $0.networks = [.tcp]
                    }
                ]
            }
        }
        #expect(error?.message.contains("address already in use") == true)
        #expect(settings.inbounds == before.inbounds)
        try await exchange(client(stage, CoreStage.alice))
        #expect(try stage.core.listRule(.init()).rules.isEmpty)
        #expect(try await stage.core.listInbounds(.init()).inbounds.map(\.tag) == ["in"])
        // It would have gone well without that.
        try await reload(stage, &settings) { new in
            new.inbounds.append(
                try CoreStage.inbound("second", port: TCPClient.freePort(), CoreStage.tunnel(to: stage.server.port)))
        }
        #expect(stage.core.localAddresses(ofInbound: "second").isEmpty == false)
        await stage.stop()
    }

    @Test func twoInboundsThatWantTheSameAddressAreRefused() async throws {
        var (stage, settings) = try await stage()
        let error = await #expect(throws: ControlError.self) {
            try await reload(stage, &settings) { new in
                new.inbounds = try ["a", "b"].map { tag in
                    try CoreStage.inbound(tag, port: stage.port, CoreStage.tunnel(to: 1))
                }
            }
        }
        #expect(error?.message == "app/proxyman/inbound: a and b would listen on the same address")
        try await exchange(client(stage, CoreStage.alice))
        // A new tag on the address of one that goes takes its sockets over.
        try await reload(stage, &settings) { new in
            new.inbounds = [try CoreStage.inbound("b", port: stage.port, CoreStage.vless([(Self.bob, "bob@x")]))]
        }
        try await exchange(client(stage, Self.bob))
        #expect(try await stage.core.listInbounds(.init()).inbounds.map(\.tag) == ["b"])
        await stage.stop()
    }

    @Test func outboundsAreReplacedForNewConnectionsAndLiveOnesGoOn() async throws {
        var (stage, settings) = try await stage()
        let live = try client(stage, CoreStage.alice)
        try await exchange(live)
        try await reload(stage, &settings) { new in
            new.outbounds = [
                try CoreStage.outbound("block", Xray_Proxy_Blackhole_Config()),
                try CoreStage.outbound("out", CoreStage.openFreedom),
            ]
        }
        // The first one is the default.
        await #expect(throws: (any Error).self) { try await exchange(client(stage, CoreStage.alice)) }
        try await exchange(live)
        #expect(try await stage.core.listOutbounds(.init()).outbounds.map(\.tag) == ["block", "out"])
        try await reload(stage, &settings) { $0.outbounds = [try CoreStage.outbound("block", CoreStage.openFreedom)] }
        try await exchange(client(stage, CoreStage.alice))
        try await exchange(live)
        #expect(try await stage.core.listOutbounds(.init()).outbounds.map(\.tag) == ["block"])
        await stage.stop()
    }

    @Test func rulesAreReplacedAndThoseOfTheAPIStay() async throws {
        var (stage, settings) = try await stage { settings, _ in
            settings.outbounds.append(try CoreStage.outbound("block", Xray_Proxy_Blackhole_Config()))
        }
        func rule(_ tag: String, _ outbound: String, _ port: UInt16) -> Xray_App_Router_RoutingRule {
            .with {
                $0.ruleTag = tag
                $0.tag = outbound
                $0.portList.range = [
                    .with {
                        $0.from = UInt32(port)
                        $0.to = UInt32(port)
                    }
                ]
            }
        }
        let added = try TypedMessages.pack(
            Xray_App_Router_Config.with { $0.rule = [rule("api", "block", 1)] })
        _ = try await stage.core.addRule(
            .with {
                $0.config = added
                $0.shouldAppend = true
            }, by: .console)
        try await reload(stage, &settings) { $0.routing?.rule = [rule("file", "block", stage.server.port)] }
        #expect(try stage.core.listRule(.init()).rules.map(\.ruleTag) == ["file", "api"])
        await #expect(throws: (any Error).self) { try await exchange(client(stage, CoreStage.alice)) }
        try await reload(stage, &settings) { $0.routing = .init() }
        #expect(try stage.core.listRule(.init()).rules.map(\.ruleTag) == ["api"])
        try await exchange(client(stage, CoreStage.alice))
        await stage.stop()
    }

    @Test func anInboundWithTheTagOfOneThatTheAPIAddedTakesItsPlace() async throws {
        var (stage, settings) = try await stage()
        let port = try TCPClient.freePort()
        let config = try CoreStage.inbound("second", port: port, CoreStage.tunnel(to: 1))
        _ = try await stage.core.addInbound(.with { $0.inbound = config }, by: .console)
        try await reload(stage, &settings) { new in
            new.inbounds.append(try CoreStage.inbound("second", port: port, CoreStage.tunnel(to: stage.server.port)))
        }
        let served = try TCPClient(port: port)
        try await offPool {
            try served.send(CoreStage.request(up: 8, down: 4))
            _ = try served.receive(exactly: 4)
        }
        try await reload(stage, &settings) { $0.inbounds.removeLast() }
        #expect(throws: (any Error).self) { try TCPClient(port: port) }
        await stage.stop()
    }

    @Test func datagramsFindTheInboundThatTookOver() async throws {
        let echo = try UDPSocket()
        var (stage, settings) = try await stage { settings, _ in
            settings.inbounds.append(
                try CoreStage.inbound("udp", port: TCPClient.freePort(), CoreStage.tunnel(to: 1, [.udp])))
        }
        let port = try #require(stage.core.localAddresses(ofInbound: "udp").first?.port)
        try await reload(stage, &settings) { new in
            new.inbounds[1] = try CoreStage.inbound(
                "udp", port: UInt16(port), CoreStage.tunnel(to: echo.port, [.udp]))
        }
        let sender = try UDPSocket()
        try await offPool {
            try sender.send([1, 2, 3], to: UInt16(port))
            #expect(try echo.receive().bytes == [1, 2, 3])
        }
        await stage.stop()
    }

    /// The far end sees one address before and after, as it does of connections; what is new is by the new settings.
    @Test func sourcesOfDatagramsKeepTheirFlowsWhenTheirInboundIsReplaced() async throws {
        let (server, other) = (try UDPSocket(), try UDPSocket())
        var (stage, settings) = try await stage { settings, _ in
            settings.inbounds.append(
                try CoreStage.inbound("udp", port: TCPClient.freePort(), CoreStage.tunnel(to: server.port, [.udp])))
        }
        let port = UInt16(try #require(stage.core.localAddresses(ofInbound: "udp").first?.port))
        let sender = try UDPSocket()
        func seen(by server: UDPSocket) async throws -> UInt16 {
            try await offPool {
                try sender.send([1], to: port)
                return try server.receive().port
            }
        }
        let before = try await seen(by: server)
        var tunnel = CoreStage.tunnel(to: server.port, [.udp])
        tunnel.userLevel = 3
        try await reload(stage, &settings) { [tunnel] in
            $0.inbounds[1] = try CoreStage.inbound("udp", port: port, tunnel)
        }
        #expect(try await seen(by: server) == before)
        try await reload(stage, &settings) {
            $0.inbounds[1] = try CoreStage.inbound("udp", port: port, CoreStage.tunnel(to: other.port, [.udp]))
        }
        #expect(try await seen(by: other) == before, "one socket for all targets of a source")
        #expect(await stage.core.flowCount() == 1)
        try await reload(stage, &settings) { $0.inbounds.removeLast() }
        try await eventually { await stage.core.flowCount() == 0 }
        await stage.stop()
    }

    @Test func balancersThatChooseAmongOtherOutboundsAreTold() async throws {
        var (stage, settings) = try await stage { settings, _ in
            settings.routing?.balancingRule = [
                .with {
                    $0.tag = "pool"
                    $0.outboundSelector = ["out"]
                }
            ]
        }
        let events = Mutex<[CoreEvent.Kind]>([])
        let subscription = stage.core.observeEvents(.routing) { event in events.withLock { $0.append(event.kind) } }
        let config = try CoreStage.outbound("out-2", CoreStage.openFreedom)
        _ = try stage.core.addOutbound(.with { $0.outbound = config }, by: .console)
        _ = try stage.core.removeOutbound(.with { $0.tag = "out-2" }, by: .console)
        try await reload(stage, &settings) { $0.routing?.balancingRule[0].outboundSelector = ["other"] }
        subscription.cancel()
        #expect(
            events.withLock { $0 } == [
                .balancerChanged(tag: "pool", target: "", outbounds: ["out", "out-2"]),
                .balancerChanged(tag: "pool", target: "", outbounds: ["out"]), .rulesChanged,
                .balancerChanged(tag: "pool", target: "", outbounds: []),
            ])
        await stage.stop()
    }
}
