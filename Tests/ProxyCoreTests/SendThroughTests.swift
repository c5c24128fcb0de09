// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Foundation
import ProxyCore
import TestSupport
import Testing
import XrayProtos

@Suite(.serialized) struct SendThroughTests {
    private func outbound(
        via: Xray_Common_Net_IPOrDomain.OneOf_Address, cidr: String = ""
    ) throws -> Xray_App_Proxyman_Command_AddOutboundRequest {
        var sender = Xray_App_Proxyman_SenderConfig()
        sender.via.address = via
        sender.viaCidr = cidr
        var request = Xray_App_Proxyman_Command_AddOutboundRequest()
        request.outbound = try CoreStage.outbound("via", CoreStage.openFreedom)
        request.outbound.senderSettings = try TypedMessages.pack(sender)
        return request
    }

    /// The whole of 127/8 belongs to every machine.
    @Test(arguments: [("127.0.0.7", ""), ("127.3.0.0", "16"), ("origin", "")])
    func streamsAndDatagramsLeaveFromTheAddress(_ text: String, _ cidr: String) async throws {
        let target = try SourceServer()
        let stage = try await CoreStage { _ in CoreStage.tunnel(to: target.port, [.tcp, .udp]) }
        var remove = Xray_App_Proxyman_Command_RemoveOutboundRequest()
        remove.tag = "out"
        _ = try stage.core.removeOutbound(remove, by: .console)
        let ip = text.split(separator: ".").compactMap { UInt8($0) }
        _ = try stage.core.addOutbound(
            outbound(via: ip.count == 4 ? .ip(Data(ip)) : .domain(text), cidr: cidr), by: .console)
        let (stream, datagram) = try await offPool {
            let client = try TCPClient(port: stage.port)
            let stream = try client.receive(exactly: 4)
            let socket = try UDPSocket()
            try socket.send([1], to: stage.port)
            return (stream, try socket.receive().bytes)
        }
        switch (text, cidr) {
        case ("origin", _): #expect(stream == [127, 0, 0, 1])
        case (_, "16"): #expect(stream.prefix(2) == [127, 3] && datagram.prefix(2) == [127, 3])
        default: #expect(stream == ip && datagram == ip)
        }
        target.stop()
        await stage.stop()
    }

    @Test func whatIsNoAddressIsRefused() async throws {
        let stage = try await CoreStage { CoreStage.tunnel(to: $0) }
        for (via, cidr) in [
            (Xray_Common_Net_IPOrDomain.OneOf_Address.domain("example.com"), ""), (.ip(Data([1])), ""),
            (.ip(Data([127, 0, 0, 1])), "33"), (.ip(Data([127, 0, 0, 1])), "x"),
        ] {
            #expect(throws: (any Error).self) {
                try stage.core.addOutbound(outbound(via: via, cidr: cidr), by: .console)
            }
        }
        await stage.stop()
    }
}
