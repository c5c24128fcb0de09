// SPDX-License-Identifier: Apache-2.0
import Automation
import Foundation
import NIOPosix
import ProxyConfig
import ProxyCore
import ProxyModel
import ProxyProtocols
import Routing
import Telemetry

/// The core that scripts are tested in: the real one without listeners, and with a resolver that knows no name.
enum StageCore {
    static let make: StageCoreFactory = { text, folder, wall in
        let configuration = try ConfigurationLoader.load(text: text, environment: [:])
        var settings = CoreSettings(configuration)
        settings.opensListeners = false
        settings.wall = wall
        let core = try ProxyCore(
            settings, factory: ProtocolRegistry.all,
            log: CoreLog(logs(configuration.log, in: folder)),
            group: MultiThreadedEventLoopGroup.singleton, assets: AssetDirectory(),
            resolver: Resolver(threads: 1) { _ in [] })
        try await core.start()
        return core
    }

    /// What would go to the console goes nowhere; scripts see all lines as events.
    private static func logs(_ log: LogConfiguration, in folder: URL) -> LogSettings {
        func target(_ target: LogConfiguration.Target) -> LogTarget {
            guard case .file(let path) = target else { return .none }
            return .file(path: folder.appendingPathComponent(URL(fileURLWithPath: path).lastPathComponent).path)
        }
        return LogSettings(errorLevel: .debug, error: target(log.error), access: target(log.access))
    }
}
