// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct StatsGet: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show one counter.",
        discussion: "Example: tidegate api stats -name \"inbound>>>in>>>traffic>>>downlink\"")

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The counter's name.") var name = ""
    @Flag(help: "Set the counter to zero.") var reset = false

    func perform(_ session: APISession) async throws {
        try session.show(
            await session.call(to: "get stats") { client in
                try await client.getStats(
                    .with {
                        $0.name = name
                        $0.reset = reset
                    })
            })
    }
}
