// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct OutboundRemove: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "rmo", abstract: "Remove outbounds.",
        discussion: """
            An argument that can be read as a file is a configuration whose outbounds are meant, else a tag.
            Example: tidegate api rmo exit-1
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "Tags or configurations.") var arguments: [String] = []

    func perform(_ session: APISession) async throws {
        let tags = try TagArguments.read(arguments, session) {
            try ConfigurationParts.outbounds(fromText: $0.text, name: $0.name).map(\.tag)
        }
        guard !tags.isEmpty else { throw APIFailure("no outbound to remove") }
        for tag in tags {
            session.printLine("removing: \(tag)")
            try session.show(
                await session.call(to: "remove outbound") { try await $0.removeOutbound(.with { $0.tag = tag }) })
        }
    }
}
