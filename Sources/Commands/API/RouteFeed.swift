// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct RouteFeed: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "routestats", abstract: "Show routing decisions as they are made, until it is interrupted.",
        discussion: """
            Fields: inbound, network, ip_source, ip_target, ip_local, port_source, port_target, port_local, domain, protocol, \
            user, attributes, outbound_group, outbound, or a beginning of these.
            Example: tidegate api routestats -fields user,domain,outbound -count 10
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The fields to show, with commas between; all without it.") var fields = ""
    @Option(help: "End after so many decisions; 0 = never.") var count = 0

    func validate() throws {
        guard count >= 0 else { throw ValidationError("-count cannot be negative") }
    }

    func perform(_ session: APISession) async throws {
        let selectors = fields.split(separator: ",").map(String.init)
        try await session.call(to: "subscribe to routing stats") { client in
            var left = count
            for try await decision in try client.subscribeRoutingStats(.with { $0.fieldSelectors = selectors }) {
                try session.show(DynamicMessage(decision), isOneOfMany: true)
                left -= 1
                if left == 0 { return }
            }
        }
    }
}
