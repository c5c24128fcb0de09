// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// Reads configuration files.
package struct ConfigurationLoader {
    /// The name that stands for standard input.
    package static let standardInputName = "stdin:"

    private let environment: [String: String]
    private let readStandardInput: () throws -> Data

    /// - Parameters:
    ///   - environment: where `env:NAME` and the asset directories are looked up.
    ///   - readStandardInput: reads standard input to its end; called once at most for each load.
    package init(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        readStandardInput: @escaping () throws -> Data = { try FileHandle.standardInput.readToEnd() ?? Data() }
    ) {
        self.environment = environment
        self.readStandardInput = readStandardInput
    }

    /// Reads, merges, decodes and checks the files, in this order; `stdin:` is standard input.
    ///
    /// - Throws: `ConfigurationError`.
    package func load(_ paths: [String]) throws -> CoreConfiguration {
        guard !paths.isEmpty else { throw ConfigurationError(message: "no configuration is given") }
        var merged = MergedFiles()
        for path in paths {
            let (document, directory) = try read(path)
            try merged.add(document, context: context(document, directory))
        }
        return try Self.checked(merged)
    }

    /// Decodes and checks one text.
    ///
    /// - Parameter directory: where relative paths in the text start.
    package static func load(
        text: String, name: String? = nil, directory: String = ".",
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> CoreConfiguration {
        let document = try JSONDocument(text: text, name: name)
        let loader = ConfigurationLoader(environment: environment)
        var merged = MergedFiles()
        try merged.add(document, context: loader.context(document, directory))
        return try checked(merged)
    }

    /// The document in a file and the directory that it lies in.
    ///
    /// - Parameter checksFormat: whether the file's name must end as JSON files do.
    package func read(_ path: String, checksFormat: Bool = true) throws -> (document: JSONDocument, directory: String) {
        let bytes: Data
        if path == Self.standardInputName {
            bytes = try readStandardInput()
        } else {
            if checksFormat { try Self.checkFormat(path) }
            do {
                bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            } catch {
                throw ConfigurationError(
                    message: "the file cannot be read", place: ConfigurationPlace(file: path))
            }
        }
        let isStrict = ["xray.json.strict", "XRAY_JSON_STRICT"].contains { environment[$0]?.lowercased() == "true" }
        let document = try JSONDocument(
            bytes: Array(bytes), name: path == Self.standardInputName ? "stdin" : path, allowsComments: !isStrict)
        let directory =
            path == Self.standardInputName ? "." : URL(fileURLWithPath: path).deletingLastPathComponent().path
        return (document, directory)
    }

    /// What decoding a document needs beside it.
    package func context(_ document: JSONDocument, _ directory: String) -> DecodingContext {
        DecodingContext(document: document, directory: directory, environment: environment)
    }

    private static func checked(_ merged: MergedFiles) throws -> CoreConfiguration {
        var configuration = try CoreConfiguration(merged)
        try configuration.validate()
        return configuration
    }

    private static func checkFormat(_ path: String) throws {
        let file = path.split(separator: "/").last ?? ""
        let dot = file.lastIndex(of: ".")
        switch dot.map({ file[file.index(after: $0)...].lowercased() }) ?? "" {
        case "json", "jsonc":
            return
        case let format where ["toml", "yaml", "yml", "pb"].contains(format):
            throw ConfigurationError(
                message: "the format \(format) is not supported; write JSON", place: ConfigurationPlace(file: path))
        case let other:
            throw ConfigurationError(
                message: "unknown format \(other.quoted) (known: json, jsonc)", place: ConfigurationPlace(file: path))
        }
    }
}
