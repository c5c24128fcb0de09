// SPDX-License-Identifier: Apache-2.0

/// How a call ended, and the one error type of this target: calls, connections and listeners all fail with it.
package struct GRPCStatus: Error, Hashable, Sendable {
    package enum Code: Int, Hashable, Sendable, CaseIterable {
        case ok = 0
        case cancelled = 1
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case alreadyExists = 6
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case aborted = 10
        case outOfRange = 11
        case unimplemented = 12
        case `internal` = 13
        case unavailable = 14
        case dataLoss = 15
        case unauthenticated = 16
    }

    package var code: Code
    package var message: String
    /// Trailing metadata: sent beside the status by a server, received with it by a client.
    package var metadata: GRPCMetadata

    package init(_ code: Code, _ message: String, metadata: GRPCMetadata = [:]) {
        self.code = code
        self.message = message
        self.metadata = metadata
    }

    /// The status that a handler's error stands for: itself, `CANCELLED`, or `UNKNOWN` with the error's description.
    package init(_ error: any Error) {
        switch error {
        case let status as GRPCStatus: self = status
        case is CancellationError: self.init(.cancelled, "context canceled")
        default: self.init(.unknown, String(describing: error))
        }
    }

    static let deadlineExceeded = GRPCStatus(.deadlineExceeded, "context deadline exceeded")
}

extension GRPCStatus.Code: CustomStringConvertible {
    /// The name used by the gRPC specification, such as `NOT_FOUND`.
    package var description: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internal: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        }
    }
}

extension GRPCStatus: CustomStringConvertible {
    package var description: String { "\(code): \(message)" }
}
