// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import SwiftProtobuf
import XrayProtos

struct BalancerOverride: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "bo", abstract: "Make a balancer choose one outbound, or let it choose again.",
        discussion: """
            The target is not checked: a balancer that is made to choose an outbound that is not there closes connections.
            Example: tidegate api bo -b pool out-1
            Example: tidegate api bo -b pool -r
            """)

    @OptionGroup var connection: ConnectionOptions
    @Option(name: [.customShort("b"), .customLong("balancer")], help: "The balancer's tag.") var balancer = ""
    @Flag(name: [.customShort("r"), .customLong("remove")], help: "Let it choose again.") var remove = false
    @Argument(help: "The outbound's tag.") var target: String?

    func perform(_ session: APISession) async throws {
        guard !balancer.isEmpty else { throw APIFailure("balancer tag not specified") }
        guard remove || target != nil else { throw APIFailure("neither a target nor -remove is given", status: 2) }
        _ = try await session.call(to: "override balancer") { client in
            try await client.overrideBalancerTarget(
                .with {
                    $0.balancerTag = balancer
                    $0.target = remove ? "" : target ?? ""
                })
        }
    }
}
