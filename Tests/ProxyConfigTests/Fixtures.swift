// SPDX-License-Identifier: Apache-2.0
import Foundation
import ProxyConfig
import SwiftProtobuf
import Testing
import XrayProtos

/// A configuration text, decoded and checked in an empty environment.
func load(_ text: String, environment: [String: String] = [:]) throws -> CoreConfiguration {
    try ConfigurationLoader.load(text: text, environment: environment)
}

/// The line that refuses a text; nil when it is accepted.
func refusal(_ text: String, environment: [String: String] = [:]) -> String? {
    do {
        _ = try load(text, environment: environment)
        return nil
    } catch let error as ConfigurationError {
        return error.keyPath.isEmpty ? error.description : "\(error.keyPath): \(error.message)"
    } catch {
        return "another error: \(error)"
    }
}

/// The proxy settings that a text of `settings` becomes.
func inboundSettings<Settings: Message>(
    _ name: String, _ settings: String, as type: Settings.Type = Settings.self
) throws -> Settings {
    let configuration = try load(#"{"inbounds": [{"protocol": "\#(name)", "port": 1, "settings": \#(settings)}]}"#)
    let inbound = try #require(configuration.inbounds.first)
    return try #require(try inbound.proxySettings.typed(as: type))
}

func outboundSettings<Settings: Message>(
    _ name: String, _ settings: String, as type: Settings.Type = Settings.self
) throws -> Settings {
    let configuration = try load(#"{"outbounds": [{"protocol": "\#(name)", "settings": \#(settings)}]}"#)
    let outbound = try #require(configuration.outbounds.first)
    return try #require(try outbound.proxySettings.typed(as: type))
}

func inboundRefusal(_ name: String, _ settings: String) -> String? {
    refusal(#"{"inbounds": [{"protocol": "\#(name)", "port": 1, "settings": \#(settings)}]}"#)
}

func outboundRefusal(_ name: String, _ settings: String) -> String? {
    refusal(#"{"outbounds": [{"protocol": "\#(name)", "settings": \#(settings)}]}"#)
}

/// What `streamSettings` become.
func stream(_ settings: String) throws -> Xray_Transport_Internet_StreamConfig {
    let configuration = try load(#"{"outbounds": [{"protocol": "direct", "streamSettings": \#(settings)}]}"#)
    let outbound = try #require(configuration.outbounds.first)
    let sender = try #require(try outbound.senderSettings.typed(as: Xray_App_Proxyman_SenderConfig.self))
    return sender.streamSettings
}

func streamRefusal(_ settings: String) -> String? {
    refusal(#"{"outbounds": [{"protocol": "direct", "streamSettings": \#(settings)}]}"#)
}

/// A folder of its own for one test, removed at the end.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

func write(_ text: String, to path: String) throws {
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
}
