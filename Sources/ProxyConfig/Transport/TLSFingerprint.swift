// SPDX-License-Identifier: Apache-2.0

/// The names of client hellos that a TLS client may imitate.
enum TLSFingerprint {
    /// A known name in lower case; empty for the default.
    static func decode(_ node: ConfigNode) throws -> String {
        let name = try node.string().lowercased()
        guard name.isEmpty || names.contains(name) || name == "unsafe" || isVersioned(name) else {
            throw node.error("unknown fingerprint: \(name.quoted)")
        }
        return name
    }

    private static let names: Set<String> = [
        "chrome", "firefox", "safari", "ios", "android", "edge", "360", "qq", "random", "randomized",
        "randomizednoalpn",
        "hellogolang", "hellorandomized", "hellorandomizedalpn", "hellorandomizednoalpn",
    ]

    /// `hellochrome_133` and the like: a browser and the versions known of it.
    private static func isVersioned(_ name: String) -> Bool {
        let parts = name.split(separator: "_", maxSplits: 1)
        guard parts.count == 2, let versions = versions[String(parts[0])] else { return false }
        return versions.split(separator: " ").contains(parts[1])
    }

    private static let versions: [String: String] = [
        "hellofirefox": "auto 55 56 63 65 99 102 105 120 148",
        "hellochrome": """
        auto 58 62 70 72 83 87 96 100 102 106_shuffle 120 131 133 100_psk 112_psk_shuf 114_padding_psk_shuf 115_pq \
        115_pq_psk 120_pq
        """,
        "helloios": "auto 11_1 12_1 13 14",
        "helloandroid": "11_okhttp",
        "helloedge": "auto 85 106",
        "hellosafari": "auto 16_0 26_3",
        "hello360": "auto 7_5 11_0",
        "helloqq": "auto 11_1",
    ]
}
