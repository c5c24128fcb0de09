// SPDX-License-Identifier: Apache-2.0
import ControlAPI
package import NIOCore
package import ProxyCore
package import ProxyModel
import XrayProtos

/// The server of an outbound, from its settings.
package struct ServerEndpoint: Sendable {
    package let address: Destination
    package let user: ParsedUser?

    /// - Parameters:
    ///   - config: the settings; absent ones are refused.
    ///   - missing: what Xray says when there are none.
    init(
        _ config: Xray_Common_Protocol_ServerEndpoint?, scope: String, missing: String
    ) throws(ControlError) {
        guard let config, let host = try config.address.host() else { throw ControlError("\(scope): \(missing)") }
        guard let port = UInt16(exactly: config.port), port > 0 else {
            throw ControlError("\(scope): invalid port: \(config.port)")
        }
        address = Destination(network: .tcp, address: host, port: port)
        do {
            user = config.hasUser ? try ParsedUser(config.user) : nil
        } catch {
            throw error.within("\(scope): failed to get server spec")
        }
    }
}

/// Sends a request that needs no answer before payload flows.
package struct PrefaceHandshake: ClientHandshake {
    private var preface: ByteBuffer?

    package init(_ preface: ByteBuffer) {
        self.preface = preface
    }

    package mutating func receive(_ buffer: inout ByteBuffer) -> ClientHandshakeStep {
        guard let bytes = preface else { return .done }
        preface = nil
        return .send(bytes)
    }
}
