// SPDX-License-Identifier: Apache-2.0
package import JSONText

/// Where in the configuration something stands.
package struct ConfigurationPlace: Sendable, Hashable, CustomStringConvertible {
    /// The file's path as it was given, or `stdin`; nil when the value came from no file.
    package var file: String?
    package var position: JSONPosition?
    /// `inbounds[2].settings.clients[0].id`, counted within its own file; empty for the top.
    package var keyPath: String

    package init(file: String? = nil, position: JSONPosition? = nil, keyPath: String = "") {
        self.file = file
        self.position = position
        self.keyPath = keyPath
    }

    /// `config.json:12:5: inbounds[2].port`, without the parts that are unknown.
    package var description: String {
        var parts: [String] = []
        if let position {
            parts.append("\(file ?? "configuration"):\(position.line):\(position.column)")
        } else if let file {
            parts.append(file)
        }
        if !keyPath.isEmpty { parts.append(keyPath) }
        return parts.joined(separator: ": ")
    }
}

/// Why a configuration is refused.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One line, lower-case, names the thing: `not a UUID: "x"`.
    package var message: String
    package var place: ConfigurationPlace

    package init(message: String, place: ConfigurationPlace = ConfigurationPlace()) {
        self.message = message
        self.place = place
    }

    package var keyPath: String { place.keyPath }

    /// `config.json:12:5: inbounds[2].settings.clients[0].id: not a UUID: "x"`.
    package var description: String {
        let place = place.description
        return place.isEmpty ? message : "\(place): \(message)"
    }
}

/// Something in a configuration that is accepted, and probably not what was meant.
package struct ConfigurationWarning: Sendable, Equatable, CustomStringConvertible {
    package var message: String
    package var place: ConfigurationPlace

    package init(message: String, place: ConfigurationPlace) {
        self.message = message
        self.place = place
    }

    package var description: String {
        let place = place.description
        return place.isEmpty ? message : "\(place): \(message)"
    }
}
