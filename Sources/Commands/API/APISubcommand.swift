// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// One command of `tidegate api`.
protocol APISubcommand: ParsableCommand {
    var connection: ConnectionOptions { get }

    /// Does the work and prints. Throws ``APIFailure`` for what the user is to be told.
    func perform(_ session: APISession) async throws
}

/// What all commands share: where the core is, and how long to wait for it.
struct ConnectionOptions: ParsableArguments {
    @Option(
        name: [.customShort("s"), .customLong("server")],
        help: "The API's address: host:port, unix:///path or @abstract.")
    var server = "127.0.0.1:8080"

    @Option(
        name: [.customShort("t"), .customLong("timeout")], help: "Seconds for connecting and all calls together.")
    var timeout: Int = 3

    @Flag(
        name: .customLong("json"),
        help:
            "Print protobuf's own JSON on standard output, and nothing else. (With one dash, as xray has it: tables as JSON.)"
    )
    var protoJSON = false

    /// `-json` with one dash, which scripts for Xray give: answers look as always, and tables as other answers do.
    @Flag(name: .customLong(APIArguments.plainJSON), help: .hidden)
    var plainJSON = false

    /// No table is wanted.
    var json: Bool { protoJSON || plainJSON }

    func validate() throws {
        guard (1...86400).contains(timeout) else { throw ValidationError("the timeout must be 1 to 86400 seconds") }
    }
}

/// Why a command ended early: a line for the user, and the status.
struct APIFailure: Error, CustomStringConvertible {
    var message: String
    var status: Int32

    init(_ message: String, status: Int32 = 1) {
        self.message = message
        self.status = status
    }

    var description: String { message }
}
