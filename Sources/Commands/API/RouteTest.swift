// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import ControlAPI
import Foundation
import ProxyModel
import SwiftProtobuf
import XrayProtos

struct RouteTest: APISubcommand {
    static let configuration = CommandConfiguration(
        commandName: "testroute", abstract: "Show which outbound the rules choose for a connection.",
        discussion: "Example: tidegate api testroute -inbound in -source 10.0.0.1 tcp:example.com:443")

    @OptionGroup var connection: ConnectionOptions
    @Option(help: "The inbound's tag.") var inbound = ""
    @Option(help: "The source address.") var source = ""
    @Option(help: "The user's e-mail.") var user = ""
    @Option(name: .customLong("protocol"), help: "The sniffed protocol: http1, tls …") var sniffedProtocol = ""
    @Argument(help: "The destination: tcp:host:port or udp:host:port.") var destination: String

    func perform(_ session: APISession) async throws {
        let context = try context()
        try session.show(
            await session.call(to: "test route") { try await $0.testRoute(.with { $0.routingContext = context }) })
    }

    private func context() throws -> Xray_App_Router_Command_RoutingContext {
        let parts = destination.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let network = Network(name: parts[0]), let colon = parts[1].lastIndex(of: ":"),
            let port = UInt16(parts[1][parts[1].index(after: colon)...]), !parts[1][..<colon].isEmpty
        else { throw APIFailure("not a destination such as tcp:example.com:443: \"\(destination)\"", status: 2) }
        var context = Xray_App_Router_Command_RoutingContext()
        context.inboundTag = inbound
        context.user = user
        context.network = .init(rawValue: network.rawValue) ?? .unknown
        context.targetPort = UInt32(port)
        switch Address(String(parts[1][..<colon])) {
        case .ip(let ip): context.targetIps = [Data(ip.bytes)]
        case .domain(let name): context.targetDomain = name
        }
        if !source.isEmpty {
            guard let ip = IPAddress(source) else { throw APIFailure("not an address: \"\(source)\"", status: 2) }
            context.sourceIps = [Data(ip.bytes)]
        }
        if !sniffedProtocol.isEmpty { context.protocol = sniffedProtocol }
        return context
    }
}
