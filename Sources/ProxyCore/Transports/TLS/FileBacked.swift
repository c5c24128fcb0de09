// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import NIOCore
import NIOPosix
import Synchronization

/// Something that is made from files, and made anew when they have changed. Thread-safe.
///
/// The files are looked at again, on a thread of their own, when the value is asked for and the last look is longer ago than
/// `interval`; whoever asks still gets what was there before. Files that cannot be used leave the old value at work.
final class FileBacked<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var versions: FileVersions
        var nextLook: NIODeadline
        var isLooking = false
    }

    private let paths: [String]
    private let interval: TimeAmount
    private let load: @Sendable (_ reread: Bool) throws(ControlError) -> Value
    /// Told of files that were taken into use, or could not be.
    private let report: @Sendable (Result<Void, ControlError>) -> Void
    private let state: Mutex<State>

    /// - Parameter load: `reread`: take the files' present contents, and not those that came with the settings.
    init(
        paths: [String], interval: TimeAmount, report: @escaping @Sendable (Result<Void, ControlError>) -> Void,
        load: @escaping @Sendable (_ reread: Bool) throws(ControlError) -> Value
    ) throws(ControlError) {
        self.paths = paths
        self.interval = interval
        self.load = load
        self.report = report
        let versions = FileVersions(paths)
        state = Mutex(State(value: try load(false), versions: versions, nextLook: .now() + interval))
    }

    var value: Value {
        let (value, mustLook) = state.withLock { state -> (Value, Bool) in
            let mustLook = !paths.isEmpty && !state.isLooking && NIODeadline.now() >= state.nextLook
            if mustLook { state.isLooking = true }
            return (state.value, mustLook)
        }
        if mustLook { NIOThreadPool.singleton.submit { [self] _ in look() } }
        return value
    }

    private func look() {
        let found = FileVersions(paths)
        let isNew = state.withLock { $0.versions != found }
        var loaded: Result<Value, ControlError>?
        if isNew { loaded = Result { () throws(ControlError) in try load(true) } }
        state.withLock { state in
            state.isLooking = false
            state.nextLook = .now() + interval
            state.versions = found
            if case .success(let value)? = loaded { state.value = value }
        }
        if let loaded { report(loaded.map { _ in }) }
    }
}
