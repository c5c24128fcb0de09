// SPDX-License-Identifier: Apache-2.0
import Foundation
import LuaRuntime
import NIOCore
import Synchronization

extension Library {
    /// `http.get(url [, options])`, `http.post(url, body [, options])`, `http.request{ method, url, … }`.
    static func installHTTP(in state: LuaState, for script: ScriptInstance) throws {
        let known: Set = ["headers", "timeout", "max_size", "body", "method"]
        try register(call: "http.get", in: state, for: script) { call in
            try send(call, "GET", try call.string(1), nil, try call.options(2, known), script)
        }
        try register(call: "http.post", in: state, for: script) { call in
            let body = call.isTable(2) ? LuaValue.table(try call.table(2)) : try call.value(2)
            return try send(call, "POST", try call.string(1), body, try call.options(3, known), script)
        }
        try register(call: "http.request", in: state, for: script) { call in
            let table = try call.options(1, known.union(["url"]))
            guard let url = try table.text("url") else { throw LuaError("http.request: url is missing") }
            return try send(call, try table.text("method") ?? "GET", url, table["body"], table, script)
        }
    }

    private static func send(
        _ call: LuaCall, _ method: String, _ url: String, _ body: LuaValue?, _ options: LuaTable,
        _ script: ScriptInstance
    ) throws -> LuaReturn {
        let settings = script.context.http
        var request = ScriptHTTPRequest(
            method: try self.method(method), url: try checked(url, settings), timeout: settings.timeout,
            largest: settings.largest)
        if let timeout = try duration(options["timeout"], "timeout") {
            request.timeout = min(timeout, settings.longestTimeout)
        }
        switch options["max_size"] {
        case .nil: break
        case .string(let text): request.largest = min(settings.largest, Int(clamping: try ByteSize.parse(text)))
        case let value:
            guard let bytes = value.integer, bytes >= 0 else { throw LuaError("max_size: a size expected") }
            request.largest = min(settings.largest, Int(clamping: bytes))
        }
        try addHeaders(options["headers"], to: &request)
        try setBody(body ?? options["body"], of: &request)
        guard request.body.count <= settings.largestRequest else {
            throw LuaError("http: the body is larger than \(ByteSize.text(Int64(settings.largestRequest)))")
        }
        guard let client = settings.client else { throw LuaError("http: there is no client in this process") }
        // Bodies are kept outside the script's own memory.
        guard script.requests.load(ordering: .relaxed) < mostRequests else {
            throw LuaError("http: a script may have \(mostRequests) requests under way")
        }
        return try perform(call, script) { [request] in
            script.requests.add(1, ordering: .relaxed)
            defer { script.requests.subtract(1, ordering: .relaxed) }
            do {
                let answer = try await client.send(request)
                return ScriptAnswer { call in
                    push(answer, on: call)
                    return 1
                }
            } catch {
                try Task.checkCancellation()
                let text = describe(error, request)
                return ScriptAnswer { call in
                    call.pushNil()
                    call.push(text)
                    return 2
                }
            }
        }
    }

    private static let mostRequests = 16

    private static func describe(_ error: any Error, _ request: ScriptHTTPRequest) -> String {
        let text =
            switch error {
            case is NIOTooManyBytesError: "the answer is larger than \(ByteSize.text(Int64(request.largest)))"
            case ScriptHTTPFailure.timeOut: "no answer within \(request.timeout.text)"
            case let error as IOError: String(cString: strerror(error.errnoCode)).lowercased()
            default: "\(error)"
            }
        let host = URLComponents(string: request.url)?.host ?? request.url
        return "http: \(request.method) \(host): \(text)"
    }

    private static func method(_ text: String) throws -> String {
        let known = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
        guard known.contains(text.uppercased()) else {
            throw LuaError("http: method \"\(text.prefix(20))\" is not one of \(known.joined(separator: ", "))")
        }
        return text.uppercased()
    }

    private static func checked(_ url: String, _ settings: ScriptHTTPSettings) throws -> String {
        guard url.utf8.count <= 8192, let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
            ["http", "https"].contains(parts.scheme?.lowercased())
        else { throw LuaError("http: not an address that begins with http:// or https://: \"\(url.prefix(80))\"") }
        guard parts.user == nil, parts.password == nil else {
            throw LuaError("http: a name and password belong in a header, not in the address")
        }
        let port = parts.port ?? (parts.scheme?.lowercased() == "https" ? 443 : 80)
        let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        guard settings.allows(host: name.lowercased(), port: port) else {
            let place = [80, 443].contains(port) ? name : "\(name):\(port)"
            throw LuaError("http: \(place) is not in the configuration's automation.http.allow")
        }
        return url
    }

    private static func addHeaders(_ value: LuaValue, to request: inout ScriptHTTPRequest) throws {
        guard !value.isNil else { return }
        guard let table = value.table, table.array.isEmpty else { throw LuaError("headers: a table by name expected") }
        for (key, value) in table.fields.sorted(by: { $0.key.text < $1.key.text }) {
            guard let name = key.string, !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
                throw LuaError("headers: \"\(key.text)\" is not a name of a header")
            }
            let text = value.text
            guard value.string != nil || value.integer != nil,
                text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 9 })
            else { throw LuaError("headers: the value of \"\(name)\" cannot be sent") }
            // Where the request goes is decided by the address alone.
            guard !["host", "content-length", "transfer-encoding", "connection"].contains(name.lowercased()) else {
                throw LuaError("headers: \"\(name)\" is set by the client")
            }
            request.headers.append((name: name, value: text))
        }
    }

    /// RFC 9110, section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    private static func setBody(_ value: LuaValue, of request: inout ScriptHTTPRequest) throws {
        switch value {
        case .nil: return
        case .table:
            request.body = Array(try LuaJSON.encode(value).utf8)
            if !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
                request.headers.append((name: "Content-Type", value: "application/json"))
            }
        default:
            guard let bytes = value.bytes else {
                throw LuaError("body: a string or a table expected, got \(value.typeName)")
            }
            request.body = bytes
        }
    }

    private static func push(_ answer: ScriptHTTPResponse, on call: LuaCall) {
        call.beginTable(fields: 3)
        call.setField("status", answer.status)
        call.setField("body", bytes: answer.body)
        call.beginTable(fields: answer.headers.count)
        var headers: [String: String] = [:]
        for (name, value) in answer.headers {
            let name = name.lowercased()
            headers[name] = headers[name].map { "\($0), \(value)" } ?? value
        }
        for (name, value) in headers { call.setField(name, value) }
        call.endField("headers")
    }
}

extension Library {
    static let httpReference: [LibraryEntry] = [
        LibraryEntry(
            "http.get", "http.get(url [, { headers, timeout, max_size }]) -> response | nil, message",
            """
            Fetches an address and suspends the run meanwhile. The response is `{ status, headers, body }`, headers by their \
            names in lower case; nil and a message when there is no answer. Only hosts in the configuration's \
            `automation.http.allow` can be reached, redirects are not followed, an answer of more than 1 MB is refused.
            """,
            example: """
                local response, problem = http.get("https://example.com/plans.json", { timeout = "5s" })
                if not response then log.warning(problem) return end
                local plans = json.decode(response.body)
                """, waits: true),
        LibraryEntry(
            "http.post", "http.post(url, body [, { headers, timeout, max_size }]) -> response | nil, message",
            "Sends a body: a string, or a table, which goes as JSON. Otherwise like `http.get`.",
            example: #"http.post("https://example.com/hook", { text = "user over quota" })"#, waits: true),
        LibraryEntry(
            "http.request",
            "http.request{ url, method, headers, body, timeout, max_size } -> response | nil, message",
            "Like `http.get`, with any of the methods GET, POST, PUT, DELETE, PATCH, HEAD and OPTIONS.", waits: true),
    ]
}
