// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation

/// How a command fails: one line on standard error and an exit status.
///
/// | status | meaning |
/// |---|---|
/// | 1 | an API call, a script, its test or a statement failed |
/// | 2 | the command line is wrong |
/// | 23 | the configuration is refused |
/// | 255 | the core could not start |
enum CommandFailure {
    static let badConfiguration = ExitCode(23)
    static let failedStart = ExitCode(255)

    static func report(_ message: String) {
        FileHandle.standardError.write(Data((message + "\n").utf8))
    }
}
