// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
import Foundation
package import ProxyModel
import Telemetry

/// The files of the logs.
extension ProxyCore {
    package func logFiles() -> [LogFile] { services.log.files }

    package func rotateLogs(_ name: String?, keep: Int, by caller: ControlCaller) async throws -> [LogFile] {
        let log = services.log
        let chosen = log.files.filter { file in name.map { file.logs.contains($0) } ?? true }
        // Renaming and flushing wait for the disk.
        let rotated: [LogFile] = try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                do {
                    for file in chosen { try log.rotate(file.path, keep: keep) }
                    continuation.resume(returning: chosen)
                } catch {
                    continuation.resume(throwing: ControlError("app/log: \(error)"))
                }
            }
        }
        guard !rotated.isEmpty else { return [] }
        let names = rotated.map(\.path).joined(separator: ", ")
        changed(.loggerRestarted, "\(names) rotated, \(keep) kept", by: caller)
        return rotated
    }
}
