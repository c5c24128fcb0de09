// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyConfig
import SwiftProtobuf
import XrayProtos

struct RuleAdd: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "adrules", abstract: "Replace the routing rules and balancers, or add to them.",
        discussion: """
            Each argument is a file, an http(s) address or stdin:, holding a configuration with `routing`.
            Example: tidegate api adrules -append more-rules.json
            """)

    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Add behind the present rules instead of replacing all rules and balancers.") var append = false
    @Argument(help: "Configurations; standard input without any.") var configurations: [String] = []

    func perform(_ session: APISession) async throws {
        let inputs = try ConfigurationInput.read(configurations, prompt: "reading from stdin:", session)
        for config in try inputs.map({ try ConfigurationParts.routing(fromText: $0.text, name: $0.name) }) {
            let packed = try TypedMessages.pack(config)
            try session.show(
                await session.call(to: "add rules") { client in
                    try await client.addRule(
                        .with {
                            $0.config = packed
                            $0.shouldAppend = append
                        })
                })
        }
    }
}
