// SPDX-License-Identifier: Apache-2.0

/// Sends the requests of scripts.
package protocol ScriptHTTPClient: Sendable {
    /// The whole exchange, body included, within the request's time-out. Redirects are not followed.
    /// - Throws: When there is no answer, or one whose body is too large.
    func send(_ request: ScriptHTTPRequest) async throws -> ScriptHTTPResponse
    /// Ends what is under way; nothing is sent after that.
    func shutdown() async
}

enum ScriptHTTPFailure: Error {
    /// The request's time is over.
    case timeOut
}

package struct ScriptHTTPRequest: Sendable, Equatable {
    package var method: String
    package var url: String
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8] = []
    package var timeout: Duration
    /// Bytes of the answer's body.
    package var largest: Int

    package static func == (left: ScriptHTTPRequest, right: ScriptHTTPRequest) -> Bool {
        left.method == right.method && left.url == right.url && left.body == right.body
            && left.timeout == right.timeout && left.largest == right.largest
            && left.headers.elementsEqual(right.headers) { $0 == $1 }
    }
}

package struct ScriptHTTPResponse: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Where scripts may send requests to, and how much. Nothing is allowed unless it is named.
package struct ScriptHTTPSettings: Sendable {
    /// `example.com`, `*.example.com` (its sub-domains), `127.0.0.1:8080`, or `*` for everything. Without a port: ports 80 and 443.
    package var allow: [String] = []
    package var timeout = Duration.seconds(10)
    package var longestTimeout = Duration.seconds(300)
    /// Bytes of an answer's body.
    package var largest = 1 << 20
    /// Bytes of a request's body.
    package var largestRequest = 4 << 20
    package var client: (any ScriptHTTPClient)?

    package init() {}

    func allows(host: String, port: Int) -> Bool {
        allow.contains { entry in
            if entry == "*" { return true }
            var name = entry[...]
            var ports = [80, 443]
            if let colon = entry.lastIndex(of: ":"), let number = Int(entry[entry.index(after: colon)...]),
                !entry[..<colon].contains(":") || entry.hasPrefix("[")
            {
                name = entry[..<colon]
                ports = [number]
            }
            if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
            let wanted = name.lowercased()
            let matches = wanted.hasPrefix("*.") ? host.hasSuffix(wanted.dropFirst()) : host == wanted
            return matches && ports.contains(port)
        }
    }
}
