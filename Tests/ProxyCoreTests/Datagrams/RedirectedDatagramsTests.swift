// SPDX-License-Identifier: Apache-2.0
import ProxyCore
import Testing
import XrayProtos

struct RedirectedDatagramsTests {
    /// REDIRECT replaces a datagram's target, and no socket can ask for the one before.
    @Test func withoutTPROXYTheyAreRefusedByName() async throws {
        let error = await #expect(throws: CoreBuildError.self) {
            let stage = try await CoreStage(configure: { configuration in
                var receiver = try #require(
                    try configuration.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self))
                receiver.receiveOriginalDestination = true
                configuration.inbounds[0].receiverSettings = try TypedMessages.pack(receiver)
            }) { _ in
                var config = Xray_Proxy_Dokodemo_Config()
                config.allowedNetworks = [.tcp, .udp]
                config.followRedirect = true
                return config
            }
            await stage.stop()
        }
        #expect(
            error?.message
                == "app/proxyman/inbound: followRedirect of datagrams needs sockopt.tproxy \"tproxy\": the kernel does not tell where "
                + "a datagram was going that REDIRECT brought; or allow the network tcp only")
    }
}
