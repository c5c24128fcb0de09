// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import ProxyModel
import SwiftProtobuf
import XrayProtos

struct FlowList: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "lsflows", abstract: "Show the live flows: who is connected to what, and the bytes so far.",
        discussion: """
            Needs FlowService among api.services; Xray has nothing of the kind.
            Example: tidegate api lsflows -email a@example.com
            Example: tidegate api lsflows -inbound vless-in -source 10.0.0.0/8 -json
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var flows: FlowOptions
    @Option(help: "Show at most so many; 0 = all.") var limit: UInt32 = 0

    func perform(_ session: APISession) async throws {
        let selector = try flows.selector()
        let response = try await session.call(to: "list flows") { client in
            try await client.listFlows(
                .with {
                    $0.selector = selector
                    $0.limit = limit
                })
        }
        if connection.json { return try session.show(response) }
        session.console.output(Self.table(response))
    }

    static func table(_ response: Tidegate_Core_V1_ListFlowsResponse) -> String {
        var rows = [["ID", "INBOUND", "OUTBOUND", "USER", "SOURCE", "TARGET", "UP", "DOWN", "AGE"]]
        for flow in response.flows.sorted(by: { $0.id < $1.id }) {
            let source = IPAddress(bytes: flow.sourceIp)?.bracketed ?? "?"
            let target = "\(flow.network):\(Address(flow.targetHost)):\(flow.targetPort)".lowercased()
            rows.append([
                "\(flow.id)", flow.inboundTag, flow.outboundTag, flow.userEmail, "\(source):\(flow.sourcePort)", target,
                "\(flow.uplink)", "\(flow.downlink)", "\(Int(flow.ageSeconds))s",
            ])
        }
        let text = FlowTable.render(rows.map { $0.map { $0.isEmpty ? "-" : $0 } })
        return text + "\(response.total) flow\(response.total == 1 ? "" : "s")\n"
    }
}

/// Rows of text with columns as wide as their widest cell.
enum FlowTable {
    static func render(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            let line = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            return line.joined(separator: "  ") + "\n"
        }.joined()
    }
}
