// SPDX-License-Identifier: Apache-2.0

/// One parser under fuzzing: inputs that reach deep into it, and what must hold whatever it is given.
///
/// `run` is called with any bytes, from one thread, and ends the process (by a trap or `FuzzTarget.require`) when a promise is
/// broken. It must not wait, and must not keep anything between calls.
package struct FuzzTarget: Sendable {
    package let name: String
    package let seeds: @Sendable () -> [[UInt8]]
    package let run: @Sendable ([UInt8]) -> Void

    init(_ name: String, seeds: @escaping @Sendable () -> [[UInt8]], run: @escaping @Sendable ([UInt8]) -> Void) {
        self.name = name
        self.seeds = seeds
        self.run = run
    }

    /// For parsers of text.
    init(
        _ name: String, texts: @autoclosure @escaping @Sendable () -> [String],
        run: @escaping @Sendable (String) -> Void
    ) {
        self.init(name, seeds: { texts().map { Array($0.utf8) } }) { run(String(decoding: $0, as: UTF8.self)) }
    }

    /// Ends the process when a promise is broken.
    static func require(_ holds: Bool, _ promise: @autoclosure () -> String) {
        if !holds { preconditionFailure("broken promise: \(promise())") }
    }
}
