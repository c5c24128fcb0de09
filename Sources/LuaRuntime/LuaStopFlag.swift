// SPDX-License-Identifier: Apache-2.0

internal import CLua

/// Stops the scripts that it was given to, from any thread. It stays set until cleared.
package final class LuaStopFlag: Sendable {
    // Freed in deinit only, and read and written atomically.
    nonisolated(unsafe) let pointer: OpaquePointer

    package init() {
        guard let pointer = cl_flag_new() else { fatalError("no memory for a stop flag") }
        self.pointer = pointer
    }

    deinit { cl_flag_free(pointer) }

    package func stop() { cl_flag_set(pointer, 1) }
    package func clear() { cl_flag_set(pointer, 0) }
    package var isStopped: Bool { cl_flag_get(pointer) != 0 }
}
