// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct RuleRemove: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "rmrules", abstract: "Remove routing rules by their ruleTag.",
        discussion: """
            A tag that no rule has is no error.
            Example: tidegate api rmrules block-ads sourceIpBlock
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The rules' tags.") var tags: [String] = []

    func perform(_ session: APISession) async throws {
        guard !tags.isEmpty else { throw APIFailure("no rule to remove") }
        for tag in tags {
            try session.show(
                await session.call(to: "remove rule") { try await $0.removeRule(.with { $0.ruleTag = tag }) })
        }
    }
}
