// SPDX-License-Identifier: Apache-2.0

/// The `api` object: the gRPC server and what it serves.
package struct APIConfiguration: Sendable, Equatable {
    package enum Service: String, Sendable, CaseIterable {
        case handler = "HandlerService"
        case routing = "RoutingService"
        case logger = "LoggerService"
        case stats = "StatsService"
        case observatory = "ObservatoryService"
        case reflection = "ReflectionService"
        /// grpc.health.v1, which the original does not know.
        case health = "HealthService"
        /// tidegate.core.v1, our own.
        case flow = "FlowService"
        case core = "CoreService"
        /// tidegate.script.v1, which otherwise is on a local socket only.
        case script = "ScriptService"
    }

    /// Without `listen`, connections that are routed to this tag reach the server.
    package var tag: String
    /// `127.0.0.1:8080`, `:8080`, `/path`, `/path,0666`, `@name`; empty for none.
    package var listen: String
    package var services: [Service]

    package init(tag: String, listen: String = "", services: [Service] = []) {
        self.tag = tag
        self.listen = listen
        self.services = services
    }

    static func decode(_ node: ConfigNode) throws -> APIConfiguration {
        try node.object { object in
            let tag = try object.string("tag")
            guard !tag.isEmpty else { throw (object["tag"] ?? node).error("the API needs a tag that is not empty") }
            var api = APIConfiguration(tag: tag, listen: try object.string("listen"))
            for name in try object["services"]?.elements() ?? [] {
                let text = try name.string()
                guard let service = Service.allCases.first(where: { $0.rawValue.lowercased() == text.lowercased() })
                else {
                    let known = Service.allCases.map(\.rawValue)
                    let suggestion = ObjectReader.suggestion(for: text, among: known)
                    name.warn(
                        "unknown service \(text.quoted) is left out; "
                            + (suggestion.map { "did you mean \($0.quoted)? " } ?? "")
                            + "known: \(known.joined(separator: ", "))")
                    continue
                }
                if !api.services.contains(service) { api.services.append(service) }
            }
            return api
        }
    }
}
