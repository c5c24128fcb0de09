// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser

/// `tidegate api …`: every call of the API of a running core.
///
/// The arguments are passed on as they stand, because this part of the command line keeps to Go's conventions, in which
/// panels' scripts are written: `-name value`, `-name=value`, `-flag=false`, and status 2 for a wrong command line.
package struct APICommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "api", abstract: "Query and change a running core over its API.",
        discussion: """
            Commands: \(APICommandTree.names.joined(separator: ", ")).
            `tidegate api --help` has a line about each, `tidegate api COMMAND --help` tells more about one.
            Example: tidegate api statsquery -server 127.0.0.1:10085 -pattern "user>>>"

            Status: 0 done, 1 a call or an input failed, 2 the command line is wrong.
            """)

    @Argument(parsing: .captureForPassthrough, help: "A command and its options.")
    var arguments: [String] = []

    package init() {}

    package func run() async throws {
        let status = await APIInvocation(console: .standard).run(arguments)
        if status != 0 { throw ExitCode(status) }
    }
}

/// The commands behind `tidegate api`.
struct APICommandTree: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tidegate api", abstract: "Query and change a running core over its API.",
        discussion: """
            The commands and options are those of `xray api`, and some more; options may stand anywhere, with one dash or two.
            Example: tidegate api statsquery -server 127.0.0.1:10085 -pattern "user>>>"

            Status: 0 done, 1 a call or an input failed, 2 the command line is wrong.
            """,
        subcommands: commands)

    static let commands: [any APISubcommand.Type] = [
        RestartLogger.self, StatsGet.self, StatsQuery.self, StatsSys.self, StatsOnline.self, StatsOnlineIPList.self,
        StatsAllOnlineUsers.self, BalancerInfo.self, BalancerOverride.self, InboundAdd.self, OutboundAdd.self,
        InboundRemove.self, OutboundRemove.self, InboundList.self, OutboundList.self, UserAdd.self, UserRemove.self,
        InboundUser.self, InboundUserCount.self, RuleAdd.self, RuleRemove.self, RuleList.self, SourceIPBlock.self,
        RouteTest.self, RouteFeed.self, OutboundStatus.self, FlowList.self, FlowClose.self, CoreReload.self,
        AnyCall.self,
    ]

    static var names: [String] { commands.compactMap { $0.configuration.commandName } }
}
