// SPDX-License-Identifier: Apache-2.0

/// Why an operation of the control plane was refused. The message is what every face shows: gRPC status, Lua error, CLI line.
package struct ControlError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: Sendable, Hashable {
        private enum Value { case unknown, notFound, unimplemented, unavailable, malformed, refused }
        private let value: Value

        /// The change or query is not possible; Xray answers everything of this kind with gRPC's UNKNOWN.
        package static let unknown = Code(value: .unknown)
        /// A statistic that does not exist.
        package static let notFound = Code(value: .notFound)
        /// This core does not have what is asked for.
        package static let unimplemented = Code(value: .unimplemented)
        /// The core is shutting down.
        package static let unavailable = Code(value: .unavailable)
        /// The request's bytes are no message of the operation's request type; gRPC's INTERNAL.
        package static let malformed = Code(value: .malformed)
        /// The caller may not do this.
        package static let refused = Code(value: .refused)
    }

    package var code: Code
    package var message: String

    package init(code: Code = .unknown, _ message: String) {
        self.code = code
        self.message = message
    }

    /// What begins the errors of Go's protobuf library: one of the two prefixes that it varies between.
    package static let protobufPrefix = "proto:\u{a0}"

    /// This error as the cause of a wider one, joined as Xray joins them: `context > cause`.
    package func within(_ context: String) -> ControlError {
        ControlError(code: code, "\(context) > \(message)")
    }

    package var description: String { message }
}

/// Who asked for an operation, for the log and for events.
package enum ControlCaller: Sendable, Equatable, CustomStringConvertible {
    case api(peer: String)
    case script(name: String)
    case console
    /// A person at a command line or a prompt: the account that owns the process, as the system tells.
    case session(user: String, process: Int32)
    /// A signal to the process.
    case signal(String)

    package var description: String {
        switch self {
        case .api(let peer): "api \(peer)"
        case .script(let name): "script \(name)"
        case .console: "console"
        case .session(let user, let process): "console \(user) (pid \(process))"
        case .signal(let name): name
        }
    }
}
