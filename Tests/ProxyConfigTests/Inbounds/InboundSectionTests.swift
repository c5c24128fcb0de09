// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyConfig
import SwiftProtobuf
import Testing
import XrayProtos

struct InboundSectionTests {
    private func receiver(_ keys: String) throws -> Xray_App_Proxyman_ReceiverConfig {
        let configuration = try load(#"{"inbounds": [{"protocol": "socks", \#(keys)}]}"#)
        let inbound = try #require(configuration.inbounds.first)
        return try #require(try inbound.receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self))
    }

    /// The bytes that the original lists for this inbound.
    @Test func theBytesAreThoseOfTheOriginal() throws {
        let configuration = try load(
            #"{"inbounds": [{"tag": "entry", "listen": "127.0.0.1", "port": 21010, "protocol": "socks", "settings": {"auth": "noauth"}}]}"#
        )
        let bytes: Data = try configuration.inbounds[0].serializedBytes()
        #expect(
            bytes.map { String(format: "%02x", $0) }.joined()
                == "0a05656e74727912380a20787261792e6170702e70726f78796d616e2e5265636569766572436f6e66696712140a0a0a080892a4011092"
                + "a40112060a047f0000011a1f0a1d787261792e70726f78792e736f636b732e536572766572436f6e666967")
    }

    @Test func protocolNamesAreReadInAnyCase() throws {
        let names = ["SOCKS", "Mixed", "tunnel", "Dokodemo-Door", "http"]
        for name in names {
            #expect(throws: Never.self) { try load(#"{"inbounds": [{"protocol": "\#(name)", "port": 1}]}"#) }
        }
    }

    @Test func listenersAreAddressesOrSockets() throws {
        #expect(try receiver(#""port": 80"#).hasListen == false)
        #expect(try receiver(#""port": 80, "listen": "::1""#).listen.ip.count == 16)
        #expect(try receiver(#""port": "80", "listen": "localhost""#).listen.domain == "localhost")
        for path in ["/run/x.sock", "@abstract", "@@padded"] {
            let receiver = try receiver(#""port": 80, "listen": "\#(path)""#)
            #expect(receiver.listen.domain == path)
            #expect(!receiver.hasPortList)
        }
        #expect(try receiver(#""port": 0"#).portList.range.isEmpty)
        #expect(try receiver(#""port": 0"#).hasPortList)
    }

    @Test(arguments: [
        (#"{"protocol": "socks"}"#, "inbounds[0]: an inbound needs a port"),
        (#"{"protocol": "socks", "listen": "127.0.0.1"}"#, "inbounds[0]: an inbound needs a port"),
        (
            #"{"protocol": "socks", "port": 1, "listen": "example.com"}"#,
            "inbounds[0].listen: an IP address, localhost or a socket's path is needed, found \"example.com\""
        ),
        (
            #"{"protocol": "socks", "port": 1, "listen": ""}"#,
            "inbounds[0].listen: an IP address, localhost or a socket's path is needed, found \"\""
        ),
        (#"{"port": 1}"#, "inbounds[0]: an inbound needs a protocol"),
        (
            #"{"protocol": "vles", "port": 1}"#,
            "inbounds[0].protocol: unknown inbound protocol \"vles\"; did you mean \"vless\"?"
        ),
        (#"{"protocol": "freedom", "port": 1}"#, "inbounds[0].protocol: unknown inbound protocol \"freedom\"; known: "),
        (#"[]"#, "inbounds[0]: an object is needed, found a list"),
        (
            #"{"protocol": "socks", "port": 1, "settings": 3}"#,
            "inbounds[0].settings: an object is needed, found the number 3"
        ),
        (#"{"protocol": "socks", "port": 1, "tag": 3}"#, "inbounds[0].tag: a text is needed, found the number 3"),
    ])
    func badInboundsAreRefused(inbound: String, message: String) {
        #expect(refusal(#"{"inbounds": [\#(inbound)]}"#)?.hasPrefix(message) == true)
    }

    @Test func sniffingNamesAreReducedToThree() throws {
        let sniffing = try receiver(
            #""port": 1, "sniffing": {"enabled": true, "destOverride": ["HTTP", "ssl", "https", "fakedns+others"], "routeOnly": true}"#
        ).sniffingSettings
        #expect(sniffing.enabled && sniffing.routeOnly && !sniffing.metadataOnly)
        #expect(sniffing.destinationOverride == ["http", "tls", "tls", "fakedns"])
    }

    @Test func followRedirectReachesTheReceiver() throws {
        let configuration = try load(
            #"{"inbounds": [{"protocol": "tunnel", "port": 1, "settings": {"followRedirect": true}}]}"#)
        let receiver = try configuration.inbounds[0].receiverSettings.typed(as: Xray_App_Proxyman_ReceiverConfig.self)
        #expect(receiver?.receiveOriginalDestination == true)
    }
}
