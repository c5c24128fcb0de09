// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import Testing

@testable import ProxyCore

struct XUDPTests {
    @Test func sourceIsKnownByAKeyedHashOfItsAddress() {
        let source = Endpoint(ip: .loopbackV4, port: 47_852)
        let id = XUDP.globalID(of: source, key: (0..<32).map { UInt8($0) })
        #expect(id == 0x55be_2657_b89a_71d9)
        #expect(XUDP.globalID(of: source) == XUDP.globalID(of: source))
        #expect(XUDP.globalID(of: source) != XUDP.globalID(of: Endpoint(ip: .loopbackV4, port: 47_853)))
    }

    @Test func onlySourcesThatSendDatagramsThemselvesHaveAnID() {
        var session = Session(
            logID: 1, inboundTag: "in", inboundProtocol: "socks", fromRemoteUser: false,
            source: Endpoint(ip: .loopbackV4, port: 47_852), local: .unspecified, user: nil, level: 0,
            target: Destination(network: .udp, address: .ip(.loopbackV4), port: 53))
        #expect(session.globalID == 0)
        session.arrivesInDatagrams = true
        #expect(session.globalID == XUDP.globalID(of: session.source))
    }

    @Test func keyIs32BytesInBase64URL() {
        #expect(XUDP.key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8") == (0..<32).map { UInt8($0) })
        #expect(XUDP.key("-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_8")?.count == 32)
        for text in ["AAEC", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gIQ", "not base64!", "ä"] {
            #expect(XUDP.key(text) == nil, "\(text)")
        }
    }
}
