// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import Foundation
import NIOCore
import NIOPosix
import SwiftProtobuf
import XrayProtos

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Let a running core read its configuration again.",
        discussion: """
            Example: tidegate reload -c config.json --dry-run

            The core reads the files that it was started with (those of -c only say where its socket is) and applies what is \
            different from what they said before: inbounds, users, outbounds, rules, balancers, scripts and their \
            settings. A file that is refused changes nothing. What was added over the API and what did not change in the \
            files stays, with its connections and counters; what needs a restart is listed. SIGHUP does the same.

            Status: 0 done, 1 refused or no core there, 2 the command line is wrong, 23 the configuration cannot be read.
            """)

    @OptionGroup var target: ScriptConnectionOptions
    @Flag(name: [.customLong("dry-run"), .customLong("dry")], help: "Check, list the changes, and change nothing.")
    var dryRun = false
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        try await ScriptFailure.telling {
            let path = try target.path()
            let client = try ControlClient(
                target: path, group: MultiThreadedEventLoopGroup.singleton, timeout: .seconds(120))
            let answer: Tidegate_Core_V1_ReloadResponse
            do {
                answer = try await client.reload(.with { $0.dryRun = dryRun })
            } catch {
                await client.close()
                throw error
            }
            await client.close()
            show(answer)
        }
    }

    private func show(_ answer: Tidegate_Core_V1_ReloadResponse) {
        guard !json else {
            return print(ScriptJSON.text(["changes": answer.changes, "warnings": answer.warnings]))
        }
        for warning in answer.warnings { CommandFailure.report("warning: \(DisplayText.safe(warning))") }
        for change in answer.changes { print(DisplayText.safe(change)) }
        if answer.changes.isEmpty { print("Nothing is different.") }
    }
}
