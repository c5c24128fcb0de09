// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// The `observatory` object.
enum ObservatorySection {
    static func decode(_ node: ConfigNode) throws -> Xray_Core_App_Observatory_Config {
        try node.object { object in
            var config = Xray_Core_App_Observatory_Config()
            config.subjectSelector = try object["subjectSelector"]?.textList() ?? []
            config.probeURL = try object.string("probeURL")
            config.probeInterval = try object["probeInterval"]?.duration() ?? 0
            config.enableConcurrency = try object.bool("enableConcurrency")
            return config
        }
    }
}

/// The `burstObservatory` object.
enum BurstObservatorySection {
    static func decode(_ node: ConfigNode) throws -> Xray_Core_App_Observatory_Burst_Config {
        try node.object { object in
            var config = Xray_Core_App_Observatory_Burst_Config()
            config.subjectSelector = try object["subjectSelector"]?.textList() ?? []
            guard let ping = object["pingConfig"] else { throw node.error("a burst observatory needs a pingConfig") }
            config.pingConfig = try decode(ping: ping)
            return config
        }
    }

    private static func decode(ping node: ConfigNode) throws -> Xray_Core_App_Observatory_Burst_HealthPingConfig {
        try node.object { object in
            var ping = Xray_Core_App_Observatory_Burst_HealthPingConfig()
            ping.destination = try object.string("destination")
            ping.connectivity = try object.string("connectivity")
            ping.interval = try object["interval"]?.duration() ?? 0
            ping.samplingCount = try object.integer("sampling")
            ping.timeout = try object["timeout"]?.duration() ?? 0
            let method = try object.string("httpMethod")
            ping.httpMethod = method.isEmpty ? "HEAD" : String(method[...].trimmed)
            return ping
        }
    }
}
