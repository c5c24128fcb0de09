// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct InboundUserCount: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "inboundusercount", abstract: "Show how many users an inbound has.",
        discussion: """
            Example: tidegate api inboundusercount -tag vless-in
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The inbound's tag.") var tag = ""

    func perform(_ session: APISession) async throws {
        try session.show(
            await session.call(to: "get inbound user count") { client in
                try await client.getInboundUsersCount(.with { $0.tag = tag })
            })
    }
}
