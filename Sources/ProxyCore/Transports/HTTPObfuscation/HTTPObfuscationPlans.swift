// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import SwiftProtobuf
import XrayProtos

/// What an inbound with HTTP obfuscation asks of the head in front of a stream, and says in front of its own. The names and
/// defaults are those of the original's `transport/internet/headers/http`.
struct HTTPObfuscationServerPlan: Sendable {
    enum Verdict: Equatable {
        case welcome
        case notFound(String)
        case badRequest
    }

    /// Any head will do where there are none.
    private let paths: [String]?
    private let response: ObfuscationHead
    private static let notFound = ObfuscationHead.refusal("404 Not Found")
    private static let badRequest = ObfuscationHead.refusal("400 Bad Request")

    init(_ config: Xray_Transport_Internet_Headers_Http_Config) throws(ControlError) {
        guard config.hasResponse else {
            throw ControlError("the header http of the transport tcp needs a response")
        }
        paths = config.hasRequest ? try config.request.paths() : nil
        let status = config.response.hasStatus ? config.response.status : .with { ($0.code, $0.reason) = ("200", "OK") }
        let version = config.response.hasVersion ? config.response.version.value : "1.1"
        response = try ObfuscationHead(
            start: ["HTTP/\(version) \(status.code) \(status.reason)"], headers: config.response.header,
            isResponse: true)
    }

    /// What a head is that came whole.
    func verdict(on head: ByteBuffer) -> Verdict {
        guard let paths else { return .welcome }
        var rest = head
        var scanned = 0
        guard case .head(let head) = UpgradeHead.read(&rest, limit: head.readableBytes, scanned: &scanned),
            rest.readableBytes == 0, head.start[2].hasPrefix("HTTP/"), let path = head.path
        else { return .badRequest }
        // A path that was configured with a query is sent with it; the original never knows such a one again.
        return paths.contains(path) || paths.contains(head.start[1]) ? .welcome : .notFound(path)
    }

    /// Whether these bytes can be the beginning of a head; who speaks something else is not waited for.
    func canBegin(with bytes: ByteBufferView) -> Bool {
        guard paths != nil else { return true }
        let line = bytes.prefix { $0 != 0x0a }
        guard line.count < bytes.count else { return !line.dropLast().contains { $0 < 0x20 } }
        let words = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        return words.count == 3 && words[2].starts(with: "HTTP/".utf8) && !line.dropLast().contains { $0 < 0x20 }
    }

    /// What goes in front of the first bytes.
    func answer() -> ByteBuffer { response.bytes() }

    /// What is said at the end of a stream that had no bytes.
    static func refusal(_ verdict: Verdict) -> ByteBuffer {
        if case .notFound = verdict { notFound.bytes() } else { badRequest.bytes() }
    }
}

/// What an outbound with HTTP obfuscation says in front of its first bytes.
struct HTTPObfuscationClientPlan: Sendable {
    private let head: ObfuscationHead

    init(_ config: Xray_Transport_Internet_Headers_Http_Config) throws(ControlError) {
        guard config.hasRequest, config.hasResponse else {
            throw ControlError("the header http of the transport tcp needs a request and a response")
        }
        let request = config.request
        let method = request.hasMethod ? request.method.value : "GET"
        let version = request.hasVersion ? request.version.value : "1.1"
        head = try ObfuscationHead(
            start: request.paths().map { "\(method) \($0) HTTP/\(version)" }, headers: request.header,
            isResponse: false)
    }

    func request() -> ByteBuffer { head.bytes() }
}

extension Xray_Transport_Internet_Headers_Http_RequestConfig {
    fileprivate func paths() throws(ControlError) -> [String] {
        guard !uri.isEmpty else { throw ControlError("the request of the header http needs a path") }
        return uri
    }
}
