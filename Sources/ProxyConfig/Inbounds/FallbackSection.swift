// SPDX-License-Identifier: Apache-2.0

/// One element of `fallbacks` of a VLESS or Trojan inbound.
struct FallbackSection {
    var name = ""
    var alpn = ""
    var path = ""
    var type = ""
    var dest = ""
    var xver: UInt64 = 0

    static func decode(_ node: ConfigNode) throws -> FallbackSection {
        try node.object { object in
            var fallback = FallbackSection()
            fallback.name = try object.string("name")
            fallback.alpn = try object.string("alpn")
            fallback.path = try object.string("path")
            guard fallback.path.isEmpty || fallback.path.hasPrefix("/") else {
                throw (object["path"] ?? node).error("a path begins with /, found \(fallback.path.quoted)")
            }
            let dest = object["dest"]
            let target = FallbackTarget(dest: FallbackTarget.text(of: dest), type: try object.string("type"))
            guard !target.type.isEmpty else {
                throw (dest ?? node).error("dest must be a port, an address with a port or a socket's path")
            }
            fallback.type = target.type
            fallback.dest = target.dest
            fallback.xver = try object.integer("xver")
            guard fallback.xver <= 2 else {
                throw (object["xver"] ?? node).error("0, 1 or 2 is needed, found \(fallback.xver)")
            }
            return fallback
        }
    }
}
