// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix

/// Short texts for what SwiftNIO throws when it binds or connects.
enum ConnectFailure {
    static func text(_ error: any Error) -> String {
        switch error {
        case let status as GRPCStatus: return status.message
        case let error as IOError: return UnixSocket.text(of: error.errnoCode)
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last { return text(last.error) }
            return "no such host: \(error.host)"
        case ChannelError.connectTimeout: return "connection timed out"
        case is SocketAddressError: return "no such host"
        default: return String(describing: error)
        }
    }
}
