// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct StatsQuery: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "statsquery", abstract: "Show the counters whose names contain a text.",
        discussion: "Example: tidegate api statsquery -pattern \"user>>>\" -reset")

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "A part of the names; all counters without it.") var pattern = ""
    @Flag(help: "Set the counters to zero.") var reset = false

    func perform(_ session: APISession) async throws {
        try session.show(
            await session.call(to: "query stats") { client in
                try await client.queryStats(
                    .with {
                        $0.pattern = pattern
                        $0.reset = reset
                    })
            })
    }
}
