// SPDX-License-Identifier: Apache-2.0

/// What one script may keep in the store.
package struct StoreLimits: Sendable, Equatable {
    /// Bytes of one key.
    package var key = 512
    /// Bytes of one value's JSON.
    package var value = 1 << 20
    /// Bytes of all keys and values of a script.
    package var total: Int64 = 64 << 20
    /// Run records that are kept for a script.
    package var history = 200

    package init() {}
}

/// One step of ``ScriptStore/apply(_:script:)``.
package enum StoreChange: Sendable, Equatable {
    /// The value is JSON; it goes away by itself after `expires`, in milliseconds since 1970.
    case set(key: String, json: String, expires: Int64?)
    case delete(key: String)
}

/// A value as it is kept.
package struct StoredValue: Sendable, Equatable {
    package var key: String
    package var json: String
    /// Milliseconds since 1970.
    package var expires: Int64?
}
