// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing
import XrayProtos

@testable import ProxyCore

@Suite struct GRPCLifetimeTests {
    private typealias Config = Xray_Transport_Internet_Grpc_Encoding_Config
    private static let start = NIODeadline.now()

    private static func after(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    private static func config(idle: Int32 = 0, timeout: Int32 = 0, always: Bool = false) -> Config {
        var config = Config()
        config.idleTimeout = idle
        config.healthCheckTimeout = timeout
        config.permitWithoutStream = always
        return config
    }

    private static func lifetime(
        _ config: Config, first: TimeAmount? = nil, idle: TimeAmount? = nil
    ) -> GRPCLifetime {
        GRPCLifetime(
            keepAlive: GRPCKeepAlive(client: config), firstLimit: first, idleLimit: idle, now: start)
    }

    @Test func nothingIsAskedForByDefault() {
        #expect(GRPCKeepAlive(client: Config()) == nil)
        #expect(GRPCKeepAlive(server: Config()) == nil)
        #expect(Self.lifetime(Config()).deadline == nil)
    }

    @Test func limitsAreThoseOfGRPC() {
        let client = GRPCKeepAlive(client: Self.config(idle: 3))
        #expect(client?.interval == .seconds(10))
        #expect(client?.timeout == .seconds(20))
        let server = GRPCKeepAlive(server: Self.config(timeout: 5))
        #expect(server?.interval == .hours(2))
        #expect(server?.timeout == .seconds(5))
        #expect(server?.withoutStreams == true)
    }

    @Test func silentConnectionWithStreamsIsPingedAndThenGivenUp() {
        var lifetime = Self.lifetime(Self.config(idle: 30, timeout: 5))
        #expect(lifetime.deadline == nil)
        lifetime.streamsChanged(to: 1, now: Self.after(100))
        #expect(lifetime.deadline == Self.after(130))
        #expect(lifetime.due(now: Self.after(129)) == nil)
        #expect(lifetime.due(now: Self.after(130)) == .ping)
        #expect(lifetime.deadline == Self.after(135))
        #expect(lifetime.due(now: Self.after(135)) == .close("the peer does not answer"))
    }

    @Test func anyByteIsAnAnswer() {
        var lifetime = Self.lifetime(Self.config(idle: 30, timeout: 5))
        lifetime.streamsChanged(to: 2, now: Self.start)
        #expect(lifetime.due(now: Self.after(30)) == .ping)
        lifetime.received(now: Self.after(31))
        #expect(lifetime.deadline == Self.after(61))
        #expect(lifetime.due(now: Self.after(36)) == nil)
    }

    @Test func connectionWithoutStreamsIsPingedOnlyWhereThatIsPermitted() {
        #expect(Self.lifetime(Self.config(idle: 30)).deadline == nil)
        var lifetime = Self.lifetime(Self.config(idle: 30, always: true))
        #expect(lifetime.due(now: Self.after(30)) == .ping)
    }

    @Test func connectionWithoutStreamsIsKeptForAWhile() {
        var lifetime = Self.lifetime(Config(), first: .seconds(60), idle: .seconds(600))
        #expect(lifetime.deadline == Self.after(60))
        lifetime.streamsChanged(to: 1, now: Self.after(10))
        #expect(lifetime.deadline == nil)
        lifetime.streamsChanged(to: 0, now: Self.after(20))
        #expect(lifetime.due(now: Self.after(619)) == nil)
        #expect(lifetime.due(now: Self.after(620)) == .close("no streams"))
    }
}
