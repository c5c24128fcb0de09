// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import SwiftProtobuf
import XrayProtos

/// Changes of users one by one: the outcome of each is printed, and the rest goes on.
struct UserChanges {
    private(set) var made = 0
    private var tried = 0
    private var failed = 0

    /// True if the change was made; otherwise the error is printed, as Go's gRPC library words it.
    /// - Parameter isFine: errors that are printed, but are no failure of the command.
    mutating func apply(
        _ operation: Xray_Common_Serial_TypedMessage, to tag: String, _ session: APISession,
        isFine: (ControlError) -> Bool = { _ in false }
    ) async -> Bool {
        tried += 1
        do {
            _ = try await session.connected().alterInbound(
                .with {
                    $0.tag = tag
                    $0.operation = operation
                })
            made += 1
            return true
        } catch let error as ControlError {
            session.printLine("rpc error: code = \(error.code.goName) desc = \(error.message)")
            if !isFine(error) { failed += 1 }
        } catch {
            session.printLine("\(error)")
            failed += 1
        }
        return false
    }

    func check() throws {
        guard failed == 0 else { throw APIFailure("\(failed) of \(tried) changes failed") }
    }
}

extension ControlError.Code {
    /// The name of the status code in Go's gRPC library.
    fileprivate var goName: String {
        switch self {
        case .notFound: "NotFound"
        case .unimplemented: "Unimplemented"
        case .unavailable: "Unavailable"
        case .malformed: "Internal"
        default: "Unknown"
        }
    }
}
