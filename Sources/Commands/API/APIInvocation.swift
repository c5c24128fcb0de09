// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation

/// Where a command of the API prints and reads; tests put their own in place.
struct APIConsole: Sendable {
    var output: @Sendable (String) -> Void
    var error: @Sendable (String) -> Void
    /// All of standard input.
    var input: @Sendable () throws -> Data

    static let standard = APIConsole(
        // Unbuffered, so that what is printed before an error comes before it wherever both streams go to one place.
        output: { try? FileHandle.standardOutput.write(contentsOf: Data($0.utf8)) },
        error: { try? FileHandle.standardError.write(contentsOf: Data($0.utf8)) },
        input: { try FileHandle.standardInput.readToEnd() ?? Data() })
}

/// One command line of `tidegate api`, from its arguments to its status.
struct APIInvocation: Sendable {
    let console: APIConsole

    func run(_ arguments: [String]) async -> Int32 {
        let command: any APISubcommand
        do {
            var parsed = try APICommandTree.parseAsRoot(APIArguments.normalized(arguments))
            guard let subcommand = parsed as? any APISubcommand else {
                // No command at all, or one that the parser has put in to show help.
                try parsed.run()
                return 2
            }
            command = subcommand
        } catch {
            let message = APICommandTree.fullMessage(for: error) + "\n"
            // Help that was asked for is an answer, though Go's flag package ends with 2 for it, too.
            if APICommandTree.exitCode(for: error) == .success {
                console.output(message)
            } else {
                console.error(message)
            }
            return 2
        }
        let session = APISession(connection: command.connection, console: console)
        let status = await perform(command, in: session)
        await session.close()
        return status
    }

    private func perform(_ command: any APISubcommand, in session: APISession) async -> Int32 {
        do {
            try await command.perform(session)
            return 0
        } catch let failure as APIFailure {
            console.error(failure.message + "\n")
            return failure.status
        } catch {
            console.error("\(error)\n")
            return 1
        }
    }
}
