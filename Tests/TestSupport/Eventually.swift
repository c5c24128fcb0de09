// SPDX-License-Identifier: Apache-2.0

/// Waits for a condition that something else brings about; throws when it does not come within two minutes: it is no
/// matter of speed, and a machine may have much else to do.
package func eventually(_ condition: () async throws -> Bool) async throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(120)
    while try await !condition() {
        guard clock.now < end else { throw Failure("the condition did not come about") }
        try await clock.sleep(for: .milliseconds(10))
    }
}
