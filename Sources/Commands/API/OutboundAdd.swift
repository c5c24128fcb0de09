// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct OutboundAdd: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "ado", abstract: "Add the outbounds of configurations.",
        discussion: """
            Each argument is a file, an http(s) address or stdin:, holding a whole configuration, of which only `outbounds` is \
            used. The first one that is refused ends it.
            Example: tidegate api ado -server=127.0.0.1:10085 new-outbound.json
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "Configurations; standard input without any.") var configurations: [String] = []

    func perform(_ session: APISession) async throws {
        let inputs = try ConfigurationInput.read(configurations, prompt: "Reading from STDIN", session)
        let outbounds = try inputs.flatMap { try ConfigurationParts.outbounds(fromText: $0.text, name: $0.name) }
        guard !outbounds.isEmpty else { throw APIFailure("no valid outbound found in config") }
        for outbound in outbounds {
            session.printLine("adding: \(outbound.tag)")
            try session.show(
                await session.call(to: "add outbound") { try await $0.addOutbound(.with { $0.outbound = outbound }) })
        }
    }
}
