// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import GRPCWire

extension GRPCStatus {
    /// The status that tells a client of a control plane's error: the codes that the original answers with.
    init(answering error: any Error) {
        guard let error = error as? ControlError else {
            self.init(error)
            return
        }
        let code: Code =
            switch error.code {
            case .notFound: .notFound
            case .unimplemented: .unimplemented
            case .unavailable: .unavailable
            case .malformed: .internal
            default: .unknown
            }
        self.init(code, error.message)
    }
}
