// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct InboundRemove: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "rmi", abstract: "Remove inbounds.",
        discussion: """
            An argument that can be read as a file is a configuration whose inbounds are meant, else a tag.
            Example: tidegate api rmi vless-in
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "Tags or configurations.") var arguments: [String] = []

    func perform(_ session: APISession) async throws {
        let tags = try TagArguments.read(arguments, session) {
            try ConfigurationParts.inbounds(fromText: $0.text, name: $0.name).map(\.tag)
        }
        guard !tags.isEmpty else { throw APIFailure("no inbound to remove") }
        session.printLine("removing inbounds: [\(tags.joined(separator: " "))]")
        for tag in tags {
            session.printLine("removing: \(tag)")
            try session.show(
                await session.call(to: "remove inbound") { try await $0.removeInbound(.with { $0.tag = tag }) })
        }
    }
}
