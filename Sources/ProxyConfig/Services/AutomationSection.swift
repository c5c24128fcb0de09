// SPDX-License-Identifier: Apache-2.0
import JSONText

/// The `automation` object: which scripts run inside the core, and what they may use.
package struct AutomationConfiguration: Sendable, Equatable {
    /// Path of the scripts' database; nil for none.
    package var store: String?
    /// Path of the socket on which the scripts are managed; nil for none.
    package var socket: String?
    /// Whether the path was named, and not taken from the store's.
    package var isSocketNamed = false
    package var scripts: [Script] = []
    /// Limits for the scripts that set none of their own.
    package var limits = Limits()
    /// Where scripts may send requests to.
    package var http = HTTP()

    /// The folder that scripts may keep files in; nil for none.
    package var files: Files?

    package init() {}

    package struct Files: Sendable, Equatable {
        package var folder: String
        /// Bytes of all files together; nil for the default.
        package var quota: Int64?

        package init(folder: String, quota: Int64? = nil) {
            self.folder = folder
            self.quota = quota
        }
    }

    package struct Script: Sendable, Equatable {
        /// Absolute, or relative to the working directory as the configuration file's path is.
        package var path: String
        /// Unique.
        package var name: String
        package var enabled = true
        package var settings = JSONValue.object([:])
        package var limits = Limits()
        package var place = ConfigurationPlace()

        package init(path: String, name: String) {
            self.path = path
            self.name = name
        }
    }

    package struct HTTP: Sendable, Equatable {
        /// `example.com`, `*.example.com`, `127.0.0.1:8080`; empty for nowhere.
        package var allowedHosts: [String] = []
        /// For requests that set none, in nanoseconds.
        package var timeout: Int64?
        /// The largest answer, in bytes.
        package var largest: Int64?

        package init() {}
    }

    /// Nil means: not set here.
    package struct Limits: Sendable, Equatable {
        /// In bytes.
        package var memory: Int64?
        /// Virtual machine instructions of one run.
        package var instructions: Int64?
        /// Time of one run between two waits, in nanoseconds.
        package var time: Int64?
        /// Time of one run with all its waits, in nanoseconds.
        package var total: Int64?
        /// Calls of the API in one run.
        package var calls: Int64?

        package init() {}

        /// These limits, with the gaps filled from others.
        package func filled(from defaults: Limits) -> Limits {
            var limits = self
            limits.memory = memory ?? defaults.memory
            limits.instructions = instructions ?? defaults.instructions
            limits.time = time ?? defaults.time
            limits.total = total ?? defaults.total
            limits.calls = calls ?? defaults.calls
            return limits
        }
    }
}

/// Decodes the `automation` object. It is this program's own, so an unknown key in it is an error.
enum AutomationSection {
    static func decode(_ node: ConfigNode) throws -> AutomationConfiguration {
        let object = try node.objectReader()
        var automation = AutomationConfiguration()
        automation.store = try object["store"].map { node.context.path(try notEmpty($0)) }
        (automation.socket, automation.isSocketNamed) = try decode(
            socket: object["socket"], store: automation.store)
        if let limits = object["limits"] { automation.limits = try decode(limits: limits) }
        if let files = object["files"] { automation.files = try decode(files: files) }
        if let http = object["http"] { automation.http = try decode(http: http) }
        if let scripts = object["scripts"] {
            let items: [ConfigNode]
            if case .array = scripts.node.value { items = try scripts.elements() } else { items = [scripts] }
            automation.scripts = try items.flatMap { try decode(script: $0) }
        }
        try object.refuseUnknownKeys()
        var names: Set<String> = []
        for script in automation.scripts where !names.insert(script.name).inserted {
            throw ConfigurationError(message: "duplicate script name: \(script.name.quoted)", place: script.place)
        }
        return automation
    }

    /// Beside the store unless it is named or `false`: `scripts.db` → `scripts.sock`.
    private static func decode(socket node: ConfigNode?, store: String?) throws -> (path: String?, isNamed: Bool) {
        guard let node else {
            guard let store else { return (nil, false) }
            let name = store.hasSuffix(".db") ? String(store.dropLast(3)) : store
            return (name + ".sock", false)
        }
        if case .bool(false) = node.node.value { return (nil, true) }
        let text = try notEmpty(node)
        guard text.first != "@" else {
            throw node.error("the path of a socket file is needed, which only its owner can open")
        }
        return (node.context.path(text), true)
    }

    private static func decode(script node: ConfigNode) throws -> [AutomationConfiguration.Script] {
        if case .string = node.node.value {
            return try ScriptFiles.list(notEmpty(node), at: node).map { path in
                var script = AutomationConfiguration.Script(path: path, name: ScriptFiles.name(of: path))
                script.place = node.place
                return script
            }
        }
        let object = try node.objectReader()
        guard let file = object["file"] else { throw node.error("a script needs a file") }
        let paths = try ScriptFiles.list(notEmpty(file), at: file)
        let name = try object["name"].map { try notEmpty($0) }
        if let given = object["name"], paths.count != 1 { throw given.error("a folder of scripts takes no name") }
        let enabled = try object["enabled"]?.bool() ?? true
        let settings = object["settings"].map { JSONValue($0.node) } ?? .object([:])
        let limits = try object["limits"].map { try decode(limits: $0) } ?? .init()
        try object.refuseUnknownKeys()
        return paths.map { path in
            var script = AutomationConfiguration.Script(path: path, name: name ?? ScriptFiles.name(of: path))
            script.enabled = enabled
            script.settings = settings
            script.limits = limits
            script.place = (object["name"] ?? file).place
            return script
        }
    }

    private static func decode(files node: ConfigNode) throws -> AutomationConfiguration.Files {
        if case .string = node.node.value { return .init(folder: node.context.path(try notEmpty(node))) }
        let object = try node.objectReader()
        guard let folder = object["folder"] else { throw node.error("files need a folder") }
        var files = AutomationConfiguration.Files(folder: node.context.path(try notEmpty(folder)))
        files.quota = try object["quota"].map { try positive(SizeText.bytes(of: $0), $0) }
        try object.refuseUnknownKeys()
        return files
    }

    private static func decode(limits node: ConfigNode) throws -> AutomationConfiguration.Limits {
        let object = try node.objectReader()
        var limits = AutomationConfiguration.Limits()
        limits.memory = try object["memory"].map { try positive(SizeText.bytes(of: $0), $0) }
        limits.instructions = try object["instructions"].map { try positive($0.integer(as: Int64.self), $0) }
        limits.time = try object["time"].map { try positive($0.duration(), $0) }
        limits.total = try object["total"].map { try positive($0.duration(), $0) }
        limits.calls = try object["calls"].map { try positive($0.integer(as: Int64.self), $0) }
        try object.refuseUnknownKeys()
        return limits
    }

    private static func decode(http node: ConfigNode) throws -> AutomationConfiguration.HTTP {
        let object = try node.objectReader()
        var http = AutomationConfiguration.HTTP()
        http.allowedHosts = try object["allow"].map { try hosts($0) } ?? []
        http.timeout = try object["timeout"].map { try positive($0.duration(), $0) }
        http.largest = try object["max_size"].map { try positive(SizeText.bytes(of: $0), $0) }
        try object.refuseUnknownKeys()
        return http
    }

    /// Refuses what is no host, such as an address with `https://`, which no request could be to.
    private static func hosts(_ node: ConfigNode) throws -> [String] {
        let hosts = try node.strings().map { String($0[...].trimmed) }
        let places = if case .array = node.node.value { try node.elements() } else { hosts.map { _ in node } }
        for (host, place) in zip(hosts, places)
        where host.isEmpty || host.contains(where: { "/?#@".contains($0) || $0.isWhitespace }) {
            throw place.error(
                "a host such as \"example.com\", \"*.example.com\" or \"127.0.0.1:8080\" is needed, found \(host.quoted)"
            )
        }
        return hosts
    }

    private static func notEmpty(_ node: ConfigNode) throws -> String {
        let text = try node.string()
        guard !text.isEmpty else { throw node.error("a text that is not empty is needed") }
        return text
    }

    private static func positive(_ value: Int64, _ node: ConfigNode) throws -> Int64 {
        guard value > 0 else { throw node.error("more than 0 is needed, found \(node.node.summary)") }
        return value
    }
}
