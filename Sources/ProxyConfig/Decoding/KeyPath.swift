// SPDX-License-Identifier: Apache-2.0

/// The way from the top of a configuration to one of its values.
package indirect enum KeyPath: Sendable, CustomStringConvertible {
    case root
    case key(KeyPath, String)
    case index(KeyPath, Int)

    /// `inbounds[2].settings`; a key that holds anything but letters, digits, `_` and `-` is quoted.
    package var description: String {
        switch self {
        case .root:
            return ""
        case .key(let parent, let name):
            let plain =
                !name.isEmpty
                && name.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f, 0x2d: true
                    default: false
                    }
                }
            let head = parent.description
            guard plain else { return "\(head)[\(name.quoted)]" }
            return head.isEmpty ? name : "\(head).\(name)"
        case .index(let parent, let index):
            return "\(parent)[\(index)]"
        }
    }
}
