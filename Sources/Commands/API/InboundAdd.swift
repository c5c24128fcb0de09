// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct InboundAdd: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "adi", abstract: "Add the inbounds of configurations.",
        discussion: """
            Each argument is a file, an http(s) address or stdin:, holding a whole configuration, of which only `inbounds` is \
            used. The first one that is refused ends it.
            Example: tidegate api adi -server=127.0.0.1:10085 new-inbound.json
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "Configurations; standard input without any.") var configurations: [String] = []

    func perform(_ session: APISession) async throws {
        let inputs = try ConfigurationInput.read(configurations, prompt: "reading from stdin:", session)
        let inbounds = try inputs.flatMap { try ConfigurationParts.inbounds(fromText: $0.text, name: $0.name) }
        guard !inbounds.isEmpty else { throw APIFailure("no valid inbound found in config") }
        for inbound in inbounds {
            session.printLine("adding: \(inbound.tag)")
            try session.show(
                await session.call(to: "add inbound") { try await $0.addInbound(.with { $0.inbound = inbound }) })
        }
    }
}
