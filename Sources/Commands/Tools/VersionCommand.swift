// SPDX-License-Identifier: Apache-2.0
import ArgumentParser

/// What this build calls itself.
enum Version {
    static let number = "0.1.0"
    /// The release of Xray whose API and configuration this build follows.
    static let followedRelease = "26.7.28"

    static let banner = """
        Tidegate \(number) (API and configuration of Xray \(followedRelease))
        A scriptable proxy core.
        """
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version, and the release of Xray that it follows.")

    func run() {
        print(Version.banner)
    }
}
