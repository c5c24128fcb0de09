// SPDX-License-Identifier: Apache-2.0

/// The value of one field of a `DynamicMessage`.
package enum DynamicValue: Sendable, Equatable {
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case float(Float)
    case bool(Bool)
    case string(String)
    case bytes([UInt8])
    /// The number of an enum's value, declared or not.
    case enumeration(Int32)
    case message(DynamicMessage)
    case list([DynamicValue])
    case map([DynamicKey: DynamicValue])
}

/// The key of a map entry.
package enum DynamicKey: Hashable, Sendable {
    case int(Int64)
    case uint(UInt64)
    case bool(Bool)
    case string(String)

    /// As JSON writes it.
    package var text: String {
        switch self {
        case .int(let value): String(value)
        case .uint(let value): String(value)
        case .bool(let value): value ? "true" : "false"
        case .string(let value): value
        }
    }
}
