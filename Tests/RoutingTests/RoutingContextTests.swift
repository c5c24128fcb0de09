// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyModel
import Routing
import SwiftProtobuf
import Testing
import XrayProtos

struct RoutingContextTests {
    private typealias Message = Xray_App_Router_Command_RoutingContext

    private let full = Xray_App_Router_Command_RoutingContext.with {
        $0.inboundTag = "in"
        $0.network = .tcp
        $0.sourceIps = [Data([192, 168, 7, 9])]
        $0.targetIps = [Data([10, 1, 2, 3])]
        $0.localIps = [Data([127, 0, 0, 1])]
        $0.sourcePort = 40000
        $0.targetPort = 443
        $0.localPort = 9
        $0.targetDomain = "alice.test"
        $0.protocol = "http1"
        $0.user = "u"
        $0.attributes = [":method": "GET"]
        $0.outboundTag = "out"
        $0.vlessRoute = 7
    }

    @Test(
        arguments: [
            ([], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14]),
            ([""], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14]),
            (["outbound"], [12]),
            (["ip"], [3, 4, 13]),
            (["ip_t", "port_source"], [4, 5]),
            (["port"], [5, 6, 14]),
            (["user", "inbound", "network"], [1, 2, 9]),
            (["attributes", "protocol", "domain"], [7, 8, 10]),
            (["outbound_"], []),
            (["domains"], []),
            (["zzz"], []),
        ] as [([String], [Int])])
    func selectorsArePrefixesOfFieldNames(selectors: [String], fields: [Int]) throws {
        var message = full
        applyFieldSelectors(selectors, to: &message)
        #expect(try fieldNumbers(of: message) == fields)
    }

    @Test func contextSurvivesTheWayThroughAMessage() {
        var expected = full
        expected.outboundTag = ""
        expected.vlessRoute = 0
        var back = Message(RoutingContext(full))
        back.vlessRoute = 0
        #expect(back == expected)
    }

    @Test func attributeNamesAreLowered() {
        let context = RoutingContext(Message.with { $0.attributes = ["User-Agent": "curl"] })
        #expect(context.attributes == ["user-agent": "curl"])
    }

    @Test func hostileValuesAreTakenAsUnknown() {
        let context = RoutingContext(
            Message.with {
                $0.network = .UNRECOGNIZED(77)
                $0.targetIps = [Data(), Data([1, 2, 3]), Data(repeating: 1, count: 17), Data([1, 2, 3, 4])]
            })
        #expect(context.network == .unknown)
        #expect(context.targetIPs == [.v4(0x0102_0304)])
    }

    /// The numbers of the fields in the message's encoding, each once, in order.
    private func fieldNumbers(of message: Message) throws -> [Int] {
        let bytes: [UInt8] = try message.serializedBytes()
        var numbers: Set<Int> = []
        var index = 0
        // No field number is above 15 and no value takes more than 127 bytes or three varint bytes here.
        while index < bytes.count {
            numbers.insert(Int(bytes[index] >> 3))
            let isVarint = bytes[index] & 7 == 0
            index += 1
            if isVarint {
                while bytes[index] & 0x80 != 0 { index += 1 }
                index += 1
            } else {
                index += 1 + Int(bytes[index])
            }
        }
        return numbers.sorted()
    }
}
