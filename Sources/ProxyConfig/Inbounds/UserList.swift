// SPDX-License-Identifier: Apache-2.0
import ProxyModel
import XrayProtos

extension ObjectReader {
    /// The elements of the user list of an inbound: an older key wins over `users`. Null elements are refused.
    func users(_ older: String) throws -> [ConfigNode]? {
        let users = self["users"]
        guard let list = self[older] ?? users else { return nil }
        return try list.elements().map { user in
            guard !user.isNull else { throw user.error("an object is needed, found null") }
            return user
        }
    }
}

extension ConfigNode {
    /// A user's id as a UUID or as a short text, in its canonical form.
    func userID() throws(ConfigurationError) -> String {
        let text = try string()
        guard let id = UserID(text) else { throw error("not a UUID: \(text.quoted)") }
        return id.description
    }

    /// Refuses a second user of one e-mail address, compared without regard to case; empty ones do not count.
    static func refuseDuplicateEmails(_ users: [(user: Xray_Common_Protocol_User, node: ConfigNode)]) throws {
        var seen: Set<String> = []
        for (user, node) in users where !user.email.isEmpty {
            guard seen.insert(user.email.lowercased()).inserted else {
                throw node.error("duplicate user: \(user.email)")
            }
        }
    }
}
