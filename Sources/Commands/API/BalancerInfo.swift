// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct BalancerInfo: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "bi", abstract: "Show what a balancer chooses from, and what overrides it.",
        discussion: """
            Example: tidegate api bi pool
            """)

    @OptionGroup var connection: ConnectionOptions
    @Argument(help: "The balancers' tags.") var tags: [String] = []

    func perform(_ session: APISession) async throws {
        guard !tags.isEmpty else {
            session.printLine("set balancer tag")
            throw APIFailure("no balancer tag given")
        }
        for tag in tags {
            let response = try await session.call(to: "get health information") { client in
                try await client.getBalancerInfo(.with { $0.tag = tag })
            }
            if tags.count > 1 { session.printLine(tag) }
            if connection.json {
                try session.show(response)
            } else {
                session.console.output(Self.table(response.balancer))
            }
        }
    }

    /// Rows of a number in four columns and a tag in fourteen, indented by four.
    static func table(_ balancer: Xray_App_Router_Command_BalancerMsg) -> String {
        var text = ""
        if balancer.hasOverride {
            text += "  - Selecting Override:\n" + rows([balancer.override.target])
        }
        return text + "  - Selects:\n" + rows(balancer.principleTarget.tag)
    }

    private static func rows(_ tags: [String]) -> String {
        tags.enumerated().map { "    " + padded("\($0 + 1)", 4) + padded($1, 14) + "\n" }.joined()
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
