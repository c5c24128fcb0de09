// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import ControlServer
import Foundation
import GRPCWire
import NIOCore
import NIOPosix
import Testing

struct ListeningTests {
    @Test(
        arguments: [
            ("127.0.0.1:8080", GRPCAddress.tcp(host: "127.0.0.1", port: 8080), nil),
            (":80", .tcp(host: "", port: 80), nil),
            ("localhost:80", .tcp(host: "localhost", port: 80), nil), ("[::1]:80", .tcp(host: "::1", port: 80), nil),
            ("/run/x.sock", .unix(path: "/run/x.sock"), nil), ("/run/x.sock,0666", .unix(path: "/run/x.sock"), 0o666),
            ("/run/a,b.sock,600", .unix(path: "/run/a,b.sock"), 0o600),
            ("@name", .abstract(name: "name", padded: false), nil),
            ("@@name", .abstract(name: "name", padded: true), nil),
        ] as [(String, GRPCAddress, UInt16?)])
    func readsTheFormsOfListen(text: String, address: GRPCAddress, mode: UInt16?) throws {
        let parsed = try ListenAddress(text)
        #expect(parsed.address == address)
        #expect(parsed.socketMode == mode)
    }

    @Test(arguments: [
        "", "127.0.0.1", "host:http", ":99999", "/run/x,0888", "/run/x,01777", "/run/x,", "/run/x,rw", "@",
    ])
    func refusesWhatIsNoAddress(text: String) {
        let error = #expect(throws: ControlServerError.self) { try ListenAddress(text) }
        #expect(error?.code == .address)
        #expect(error?.message.contains("\"\(text)\"") == true)
    }

    @Test func servicesAreChosenWithoutRegardToCase() {
        let selection = ServiceSelection(names: ["statsservice", "STATSSERVICE", "ReflectionService", "Nope"])
        #expect(selection.services == [.stats])
        #expect(selection.hasReflection)
        #expect(!selection.hasHealth)
        #expect(selection.warnings.count == 1)
        #expect(selection.warnings.first?.contains("\"Nope\"") == true)
        #expect(selection.warnings.first?.contains("RoutingService") == true)
    }

    @Test func aBusyPortIsAnErrorThatNamesTheAddress() async throws {
        try await RunningServer.run { running in
            let other = server()
            let error = await #expect(throws: ControlServerError.self) { try await other.listen(on: running.address) }
            #expect(error?.message.contains(running.address) == true)
            await other.stop()
        }
    }

    @Test func aSocketFileHasItsModeAndGoesWithTheServer() async throws {
        let path = NSTemporaryDirectory() + "ctl-\(UUID().uuidString.prefix(8)).sock"
        let server = server()
        try await server.listen(on: "\(path),0640")
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o640)
        let client = GRPCClient(address: .unix(path: path), group: MultiThreadedEventLoopGroup.singleton)
        let status = await #expect(throws: GRPCStatus.self) { try await client.unary("/a/b", ByteBuffer()) }
        #expect(status?.code == .unimplemented)
        await client.close()
        await server.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aStaleSocketFileIsReplacedButNotALiveOne() async throws {
        let path = NSTemporaryDirectory() + "ctl-\(UUID().uuidString.prefix(8)).sock"
        let left = try Self.listeningSocket(at: path)
        let first = server()
        let busy = await #expect(throws: ControlServerError.self) { try await first.listen(on: path) }
        #expect(busy?.message.contains("another program listens there") == true)
        // The file stays, as it does when a process is killed.
        close(left)
        #expect(FileManager.default.fileExists(atPath: path))
        try await first.listen(on: path)
        await first.stop()
    }

    @Test func aFileThatIsNoSocketIsLeftAlone() async throws {
        let path = NSTemporaryDirectory() + "ctl-\(UUID().uuidString.prefix(8)).txt"
        try "precious".write(toFile: path, atomically: true, encoding: .utf8)
        let server = server()
        await #expect(throws: ControlServerError.self) { try await server.listen(on: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        await server.stop()
        try FileManager.default.removeItem(atPath: path)
    }

    private static func listeningSocket(at path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0 && listen(descriptor, 1) == 0)
        return descriptor
    }

    private func server() -> ControlServer {
        ControlServer(
            plane: MemoryPlane(), selection: ServiceSelection(services: []),
            group: MultiThreadedEventLoopGroup.singleton)
    }
}
