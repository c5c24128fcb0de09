// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import Glibc
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Start the core: inbounds, API and scripts of a configuration.",
        discussion: """
            Example: tidegate run -c examples/quickstart/config.json

            SIGTERM and SIGINT stop it: the listeners first, then the scripts, then the flows, which may go on for --grace \
            seconds. SIGHUP reads the configuration again (see `tidegate reload --help`) and opens the log files anew. Exit status \
            23 for a bad configuration, 255 when something cannot be opened.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(
        name: [.customLong("test"), .customLong("test", withSingleDash: true)],
        help: "Check the configuration and open nothing.")
    var isTest = false

    @Option(help: ArgumentHelp("How long flows may go on after a signal to stop.", valueName: "seconds"))
    var grace: Double = 5

    func validate() throws {
        guard grace >= 0, grace <= 3600 else { throw ValidationError("--grace is a number of seconds from 0 to 3600") }
    }

    func run() async throws {
        let configuration = try options.load()
        guard !isTest else {
            try ProxyService.check(configuration)
            print(Version.banner)
            print("Configuration OK.")
            return
        }
        let service = try ProxyService(configuration, files: options.paths)
        print(Version.banner)
        // It stands before the log's lines also where both go to a file.
        fflush(nil)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        try await service.start()
        for await signal in signals {
            guard signal == .sighup else { break }
            // The signal to stop does not wait for it.
            Task { await service.reload(by: .signal("SIGHUP")) }
        }
        await service.stop(grace: .seconds(grace))
    }
}
