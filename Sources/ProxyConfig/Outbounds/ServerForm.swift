// SPDX-License-Identifier: Apache-2.0
import XrayProtos

/// The two ways to write the server of an outbound: flat (`address`, `port` and the user's keys beside each other), or as
/// the one element of an older list (`vnext`, `servers`), whose users may stand in a list of their own.
struct ServerForm {
    /// Where `address` and `port` are read.
    let server: ObjectReader
    /// Where the user's keys are read; nil when the server has no user.
    let user: ObjectReader?
    let endpoint: Xray_Common_Protocol_ServerEndpoint

    enum Users {
        /// The user's keys stand beside the server's.
        case beside
        /// `users` with exactly one element.
        case one
        /// `users` with one element or none; flat, a user is there when it has a name.
        case optional
    }

    init(_ object: ObjectReader, list key: String, users: Users) throws {
        let list = object[key]
        let isFlat = object["address"] != nil
        if isFlat {
            server = object
        } else {
            let elements = try list?.elements() ?? []
            guard elements.count == 1, let element = elements.first else {
                throw (list ?? object.owner).error("\(key) must have exactly one element, found \(elements.count)")
            }
            server = try element.objectReader()
        }
        guard let address = server["address"] else { throw server.owner.error("the server's address is missing") }
        var endpoint = Xray_Common_Protocol_ServerEndpoint()
        endpoint.address = try address.ipOrDomain()
        endpoint.port = try UInt32(server.integer("port", as: UInt16.self))
        self.endpoint = endpoint
        switch users {
        case .beside:
            user = server
        case .one where isFlat:
            user = server
        case .optional where isFlat:
            user = try server.string("user").isEmpty ? nil : server
        case .one, .optional:
            let node = server["users"]
            let elements = try node?.elements() ?? []
            guard elements.count <= 1, users == .optional || !elements.isEmpty else {
                let need = users == .one ? "exactly one element" : "one element at most"
                throw (node ?? server.owner).error("users must have \(need), found \(elements.count)")
            }
            user = try elements.first?.objectReader()
        }
    }

    /// Warns of the unknown keys of the older form's objects; those of the flat form are their owner's.
    func finish(_ object: ObjectReader) {
        if server !== object { server.warnOfUnknownKeys() }
        if let user, user !== server { user.warnOfUnknownKeys() }
    }
}
