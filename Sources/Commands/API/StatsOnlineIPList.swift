// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct StatsOnlineIPList: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "statsonlineiplist", abstract: "Show from which addresses one user, or all users, are connected.",
        discussion: """
            Example: tidegate api statsonlineiplist -email a@example.com
            Example: tidegate api statsonlineiplist -all -include-traffic
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The user's e-mail.") var email = ""
    @Flag(help: "All users who are online.") var all = false
    @Flag(help: "With -all: their traffic, too.") var includeTraffic = false
    @Flag(help: "With -include-traffic: set their counters to zero.") var reset = false

    func perform(_ session: APISession) async throws {
        guard email.isEmpty == all else { throw APIFailure("either -email or -all must be given, and not both") }
        if all {
            try session.show(
                await session.call(to: "get users stats") { client in
                    try await client.getUsersStats(
                        .with {
                            $0.includeTraffic = includeTraffic
                            $0.reset = reset
                        })
                })
        } else {
            try session.show(
                await session.call(to: "get stats") { client in
                    try await client.getStatsOnlineIPList(.with { $0.name = "user>>>\(email)>>>online" })
                })
        }
    }
}
