// SPDX-License-Identifier: Apache-2.0
import Automation
import NIOPosix
import ProxyConfig
import ProxyCore
import ProxyModel
import ProxyProtocols
import Routing
import Telemetry

/// The core that scripts are tested in: the real one without listeners, and with a resolver that knows no name.
enum StageCore {
    static let make: StageCoreFactory = { text, wall in
        let configuration = try ConfigurationLoader.load(text: text, environment: [:])
        var settings = CoreSettings(configuration)
        settings.opensListeners = false
        settings.wall = wall
        let core = try ProxyCore(
            settings, factory: ProtocolRegistry.all,
            log: CoreLog(LogSettings(errorLevel: .debug, error: .none, access: .none)),
            group: MultiThreadedEventLoopGroup.singleton, assets: AssetDirectory(),
            resolver: Resolver(threads: 1) { _ in [] })
        try await core.start()
        return core
    }
}
