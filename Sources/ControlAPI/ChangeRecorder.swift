// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import Synchronization
import XrayProtos

/// A change that was asked for and not made.
package struct PlannedChange: Sendable, Equatable, CustomStringConvertible {
    /// `handler.AlterInbound`, `flows.close`, `store.set`, `http.POST`.
    package var operation: String
    /// What it would have done: the request as JSON on one line, or some words.
    package var detail: String

    package init(_ operation: String, _ detail: String) {
        self.operation = operation
        self.detail = detail
    }

    init(_ change: GuardedControlPlane.Change) {
        let request = change.request.map { request in
            (try? DynamicMessage(request)).map { ProtoJSON.encode($0, expandingTypedMessages: true) }
                ?? request.textFormatString()
        }
        self.init(change.name, request ?? change.detail)
    }

    package var description: String { "\(operation) \(detail)" }
}

/// Notes changes that were asked for and not made. Thread-safe.
package final class ChangeRecorder: Sendable {
    private let noted = Mutex<[PlannedChange]>([])

    /// More are left out.
    private static let mostChanges = 10_000

    package init() {}

    /// A plane that asks another one and changes nothing: changes are noted here and answered as if they had been made. Later
    /// answers do not show them.
    package func plane(over base: any ControlPlane) -> GuardedControlPlane {
        GuardedControlPlane(base, judge: { _ in .pretend }, pretended: { [self] in note(PlannedChange($0)) })
    }

    package func note(_ change: PlannedChange) {
        noted.withLock { noted in
            if noted.count < Self.mostChanges { noted.append(change) }
        }
    }

    /// What was asked for since the last time, in order.
    package func take() -> [PlannedChange] {
        noted.withLock { noted in
            defer { noted = [] }
            return noted
        }
    }
}
