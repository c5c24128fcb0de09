// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// The two programs of a case, started: a tunnel in the client's, for streams and datagrams, ends at a target behind the server.
final class InteropStage {
    /// Where the client's tunnel listens.
    let port: UInt16
    private let client: any InteropProcess
    private let server: any InteropProcess

    init(_ cell: InteropCase, target: UInt16) throws {
        port = try TCPClient.freePort()
        let between = try TCPClient.freePort()
        server = try Self.start(
            cell.server, waitingFor: between,
            """
            {"log": {"loglevel": "info", "access": "none"}, \(Self.patience),
             "inbounds": [{"tag": "in", "listen": "127.0.0.1", "port": \(between), "protocol": "\(cell.proto.name)",
               "settings": \(cell.proto.inbound(cell.server)), "streamSettings": \(cell.transport.server)}],
             "outbounds": [{"protocol": "freedom"\(Self.openFreedom(cell.server))}]}
            """)
        client = try Self.start(
            cell.client, waitingFor: port,
            """
            {"log": {"loglevel": "info", "access": "none"}, \(Self.patience),
             "inbounds": [{"listen": "127.0.0.1", "port": \(port), "protocol": "dokodemo-door",
               "settings": {"address": "127.0.0.1", "port": \(target), "network": "tcp,udp"}}],
             "outbounds": [{"tag": "out", "protocol": "\(cell.proto.name)"\(cell.isMuxed ? Self.mux : ""),
               "settings": \(cell.proto.outbound(cell.client, between)), "streamSettings": \(cell.transport.client)}]}
            """)
    }

    /// What both programs have printed, for a failed test.
    var output: String { "client: \(client.output)\nserver: \(server.output)" }

    private static let mux = #", "mux": {"enabled": true, "concurrency": 8}"#

    /// A stream that has ended in one direction may take longer than a second on a busy machine.
    private static let patience = #""policy": {"levels": {"0": {"uplinkOnly": 30, "downlinkOnly": 30}}}"#

    /// Private addresses may be reached: only Tidegate (as Xray) has to be told.
    private static func openFreedom(_ program: InteropProgram) -> String {
        program == .tidegate ? #", "settings": {"finalRules": [{"action": "allow"}]}"# : ""
    }

    private static func start(
        _ program: InteropProgram, waitingFor port: UInt16, _ configuration: String
    ) throws -> any InteropProcess {
        let process: any InteropProcess =
            switch program {
            case .tidegate: try TidegateProcess(configuration: configuration, at: try TestCertificates.shared().folder)
            case .v2ray:
                try PeerProcess.v2ray(
                    configuration.replacingOccurrences(of: "@DIR@", with: try TestCertificates.shared().folder.path))
            }
        try process.start(waitingFor: port)
        return process
    }
}

/// A program of a case as a process of its own; ended with its object.
protocol InteropProcess: AnyObject {
    var output: String { get }
    func start(waitingFor port: UInt16) throws
}

extension TidegateProcess: InteropProcess {
    /// - Parameter certificates: What `@DIR@` stands for.
    convenience init(configuration: String, at certificates: URL) throws {
        try self.init(configuration: configuration.replacingOccurrences(of: "@DIR@", with: certificates.path))
    }
}

extension PeerProcess: InteropProcess {}
