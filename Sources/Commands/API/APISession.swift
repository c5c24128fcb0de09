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

    /// Prints a message as Xray's own command line does.
    func show(_ message: any SwiftProtobuf.Message) throws {
        console.output(try XrayJSON.encode(message))
    }

    func printLine(_ line: String) { console.output(line + "\n") }

    private func connected() async throws -> ControlClient {
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
