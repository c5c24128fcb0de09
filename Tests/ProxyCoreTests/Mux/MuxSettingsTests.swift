// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Testing
import XrayProtos

@testable import ProxyCore

struct MuxSettingsTests {
    /// Negative numbers switch mux off, zero stands for the usual.
    @Test(
        arguments: [
            (0, 0, 8, .amongStreams), (4, 0, 4, .amongStreams), (4, 16, 4, .together(16)), (4, -1, 4, .apart),
            (-1, 0, nil, .apart), (-1, 16, nil, .together(16)), (-1, -1, nil, .apart),
        ] as [(Int32, Int32, Int?, MuxSettings.Packets)])
    func datagramsGoAmongStreamsOrTogetherOrApart(
        concurrency: Int32, xudp: Int32, streams: Int?, packets: MuxSettings.Packets
    ) throws {
        var config = Xray_App_Proxyman_MultiplexingConfig()
        config.enabled = true
        config.concurrency = concurrency
        config.xudpConcurrency = xudp
        let settings = try #require(try MuxSettings(config))
        #expect(settings.streams == streams)
        #expect(settings.packets == packets)
    }

    @Test func switchedOffIsNone() throws {
        #expect(try MuxSettings(Xray_App_Proxyman_MultiplexingConfig()) == nil)
    }

    @Test func unknownWordForPort443IsRefused() {
        var config = Xray_App_Proxyman_MultiplexingConfig()
        config.enabled = true
        config.xudpProxyUdp443 = "perhaps"
        let error = #expect(throws: ControlError.self) { try MuxSettings(config) }
        #expect(error?.message.contains("unknown \"xudpProxyUDP443\": perhaps") == true)
    }
}
