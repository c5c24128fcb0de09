// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import ProxyCore
import SwiftProtobuf
import TestSupport
import Testing
import XrayProtos

@testable import ProxyCore

@Suite(.serialized) struct SocketPlanTests {
    private func labels(
        _ side: SocketPlan.Side, _ change: (inout Xray_Transport_Internet_SocketConfig) -> Void
    ) throws -> [String] {
        var config = Xray_Transport_Internet_SocketConfig()
        change(&config)
        return try SocketPlan(config, side).options.map(\.label)
    }

    @Test func nothingIsAskedOfTheKernelByDefault() throws {
        #expect(try labels(.listening) { _ in }.isEmpty)
        #expect(try labels(.connecting) { $0.tfo = -1 }.isEmpty)
    }

    @Test func keepAliveIsSwitchedOnByATimeAndOffByANegativeOne() throws {
        #expect(
            try labels(.connecting) {
                $0.tcpKeepAliveIdle = 30
                $0.tcpKeepAliveInterval = 5
            } == ["SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL"])
        var config = Xray_Transport_Internet_SocketConfig()
        config.tcpKeepAliveIdle = -1
        #expect(try SocketPlan(config, .connecting).options.map(\.value) == [.number(0)])
    }

    @Test func optionsThatCannotBeAreRefusedByName() {
        #expect(throws: ControlError.self) { try labels(.connecting) { $0.interface = "a-name-of-too-many-bytes" } }
        #expect(throws: ControlError.self) { try labels(.connecting) { $0.addressPortStrategy = .srvPortOnly } }
        #expect(throws: ControlError.self) {
            try labels(.connecting) {
                var custom = Xray_Transport_Internet_CustomSockopt()
                custom.opt = "x"
                custom.type = "int"
                $0.customSockopt = [custom]
            }
        }
    }

    @Test func socketsOfMultipathTCPCarryTraffic() async throws {
        /// How many there are of a protocol on this machine.
        func count(_ name: String) throws -> Int {
            let table = try String(contentsOfFile: "/proc/net/protocols", encoding: .utf8)
            let line = table.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
            return line.flatMap { Int($0.split(separator: " ")[2]) } ?? 0
        }
        guard SocketPlan.hasMultipathTCP else { return }
        var stream = StreamSettings.Config()
        stream.socketSettings.tcpMptcp = true
        let stage = try await HopStage(server: stream, client: stream)
        #expect(try await stage.works())
        #expect(try count("MPTCP") > 0)
        await stage.stop()
    }

    @Test func multipathTCPThatTheKernelLacksIsToldAndLeftOut() throws {
        var config = Xray_Transport_Internet_SocketConfig()
        config.tcpMptcp = true
        let lines = try LogLines()
        for hasIt in [true, false] {
            let plan = try SocketPlan(config, .listening, hasMultipathTCP: hasIt)
            #expect(plan.usesMultipathTCP == hasIt)
            plan.warnAboutMultipathTCP(of: "inbound a", to: lines.log)
            let isTold = lines.text.contains(
                "[Warning] transport/internet: sockopt.tcpMptcp of the inbound a has no effect")
            #expect(isTold == !hasIt)
        }
    }

    @Test func socketsWithOptionsCarryTraffic() async throws {
        var stream = StreamSettings.Config()
        stream.socketSettings.tfo = 256
        stream.socketSettings.tcpKeepAliveIdle = 45
        stream.socketSettings.tcpKeepAliveInterval = 45
        stream.socketSettings.tcpUserTimeout = 10_000
        stream.socketSettings.tcpMaxSeg = 1_400
        stream.socketSettings.tcpCongestion = "cubic"
        let stage = try await HopStage(server: stream, client: stream)
        #expect(try await stage.works())
        await stage.stop()
    }

    @Test(arguments: [ProxyHop.shadowsocks, nil]) func datagramsLeaveByTheInterfaceOnly(_ hop: ProxyHop?) async throws {
        let echo = try UDPSocket()
        echo.echoInBackground()
        let server = try await CoreStage { _ in try (hop ?? .shadowsocks).inbound() }
        for (name, works) in [("lo", true), ("no-such-device", false)] {
            let log = try LogLines()
            let outbound: any SwiftProtobuf.Message = try hop?.outbound(port: server.port) ?? CoreStage.openFreedom
            let stage = try await CoreStage(outbound: outbound, log: log.log) {
                try $0.setSender { $0.streamSettings.socketSettings.interface = name }
            } settings: { _ in
                CoreStage.tunnel(to: echo.port, [.udp])
            }
            let client = try UDPSocket()
            try await offPool { try client.send([1, 2, 3], to: stage.port) }
            if works {
                #expect(try await offPool { try client.receive().bytes } == [1, 2, 3])
            } else {
                try await eventually { log.text.contains("failed to set SO_BINDTODEVICE: no such device") }
                #expect(await stage.core.flowCount() == 0)
            }
            await stage.stop()
        }
        await server.stop()
    }

    /// The first of a port's sockets, one for each loop, is made in another way than the others.
    @Test(arguments: [1, 2]) func optionThatTheKernelRefusesIsAnErrorThatNamesIt(loops: Int) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        defer { group.shutdownGracefully { _ in } }
        var stream = StreamSettings.Config()
        stream.socketSettings.tcpCongestion = "no-such-control"
        do {
            let stage = try await CoreStage(group: group) {
                try $0.setInboundStream(stream)
            } settings: {
                CoreStage.tunnel(to: $0)
            }
            await stage.stop()
            Issue.record("accepted")
        } catch {
            #expect("\(error)".contains("failed to set TCP_CONGESTION"), "\(error)")
        }
    }
}
