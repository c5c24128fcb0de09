// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import NIOPosix
import SwiftProtobuf
import XrayProtos

/// A command's connection to the core, made when the first call needs it, so that reading an input does not eat up the time.
final class APISession {
    let connection: ConnectionOptions
    let console: APIConsole
    private var client: ControlClient?

    init(connection: ConnectionOptions, console: APIConsole) {
        self.connection = connection
        self.console = console
    }

    /// Makes a call; a failure is told as `failed to PURPOSE: …`.
    func call<Response>(
        to purpose: String, _ body: (ControlClient) async throws -> Response
    ) async throws -> Response {
        let client = try await connected()
        do {
            return try await body(client)
        } catch {
            throw APIFailure("failed to \(purpose): \(error)")
        }
    }

    func close() async { await client?.close() }

    /// Prints a message as Xray's own command line does, or as protobuf's JSON when that is asked for.
    func show(_ message: any SwiftProtobuf.Message) throws {
        try show(DynamicMessage(message))
    }

    /// - Parameter isOneOfMany: it is one of a stream of messages, each on a line of its own in protobuf's JSON.
    func show(_ message: DynamicMessage, isOneOfMany: Bool = false) throws {
        if connection.protoJSON {
            console.output(ProtoJSON.encode(message, indent: isOneOfMany ? nil : 2) + "\n")
        } else {
            console.output(XrayJSON.encode(message))
        }
    }

    /// Tells what is going on: on standard output as Xray does, unless that is to hold JSON only.
    func printLine(_ line: String) {
        if connection.protoJSON { console.error(line + "\n") } else { console.output(line + "\n") }
    }

    func connected() async throws -> ControlClient {
        if let client { return client }
        do {
            let client = try ControlClient(
                target: connection.server, group: MultiThreadedEventLoopGroup.singleton,
                timeout: .seconds(Int64(connection.timeout)))
            self.client = client
            try await client.connect()
            return client
        } catch {
            throw APIFailure("failed to dial \(connection.server): \(error)")
        }
    }
}
