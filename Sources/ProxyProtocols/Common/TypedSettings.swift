// SPDX-License-Identifier: Apache-2.0
package import ControlAPI
package import ProxyModel
package import SwiftProtobuf
package import XrayProtos

extension Xray_Common_Serial_TypedMessage {
    /// The message inside, or the error that Xray's API answers for an unknown name or bad bytes.
    package func instance() throws(ControlError) -> any SwiftProtobuf.Message {
        do {
            return try TypedMessages.unpack(self)
        } catch {
            switch error {
            case .notFound: throw ControlError("proto: not found")
            case .malformed: throw ControlError("proto: cannot parse invalid wire-format data")
            }
        }
    }
}

extension Xray_Common_Net_IPOrDomain {
    /// The address, or nil when the message holds none; throws for IP bytes of a wrong length.
    package func host() throws(ControlError) -> Address? {
        switch address {
        case nil: return nil
        case .ip(let bytes)?:
            guard let ip = IPAddress(bytes: bytes) else {
                throw ControlError("common/net: Invalid IP address: \(bytes.count) bytes")
            }
            return .ip(ip)
        case .domain(let name)?:
            return name.isEmpty ? nil : Address(name)
        }
    }
}

/// The networks of a settings message, in our terms; unknown values are left out.
package func networks(_ values: [Xray_Common_Net_Network]) -> Set<Network> {
    Set(values.compactMap { Network(rawValue: $0.rawValue) }).subtracting([.unknown])
}

extension ControlError {
    /// The refusal of a setting that this build does not have. The code is not `unimplemented`, which clients take to
    /// mean that the call itself is missing.
    static func notAvailable(_ scope: String, _ setting: String) -> ControlError {
        ControlError("\(scope): not available in this build: \(setting)")
    }
}
