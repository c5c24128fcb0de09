// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import SwiftProtobuf
import Synchronization

/// A call that a script has made to the core.
struct StageCall: Sendable {
    /// `handler.AlterInbound`, or the short name of what is not in the API: `flows.close`.
    var name: String
    var caller: ControlCaller
    /// Nil for calls without a message.
    var request: (any Message)?
}

/// The core that a test's scripts see: notes what changes it, and stays the same when the core behind it is started anew.
final class StageControl: Sendable {
    private struct State {
        var core: any RehearsedCore
        var calls: [StageCall] = []
    }

    private let state: Mutex<State>

    init(_ core: any RehearsedCore) { state = Mutex(State(core: core)) }

    var core: any RehearsedCore {
        get { state.withLock { $0.core } }
        set { state.withLock { $0.core = newValue } }
    }

    var calls: [StageCall] { state.withLock { $0.calls } }

    /// What the scripts call.
    var plane: GuardedControlPlane {
        GuardedControlPlane(self.core) { [self] change in
            if let caller = change.caller {
                let call = StageCall(name: change.name, caller: caller, request: change.request)
                state.withLock { $0.calls.append(call) }
            }
            return .perform
        }
    }
}
