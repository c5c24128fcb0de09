// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct FlowClose: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "rmflows", abstract: "Cut live flows, and tell how many there were.",
        discussion: """
            Needs FlowService among api.services; Xray has nothing of the kind.
            Example: tidegate api rmflows -email a@example.com
            Example: tidegate api rmflows 17 18
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var flows: FlowOptions
    @Flag(help: "Cut all flows.") var all = false

    func perform(_ session: APISession) async throws {
        let selector = try flows.selector()
        guard all || selector != .init() else { throw APIFailure("no flows named: give -all to cut all", status: 2) }
        try session.show(
            await session.call(to: "close flows") { client in
                try await client.closeFlows(
                    .with {
                        $0.selector = selector
                        $0.all = all
                    })
            })
    }
}
