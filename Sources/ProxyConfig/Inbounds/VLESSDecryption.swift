// SPDX-License-Identifier: Apache-2.0
import Foundation
import XrayProtos

/// The text of VLESS's own encryption: `mlkem768x25519plus.MODE.TIME.[PADDING.…]KEY[.KEY…]`, or `none`.
enum VLESSDecryption {
    private static let scheme = "mlkem768x25519plus"

    /// The server's side, whose time is seconds (`600s`, `300-600s`) and whose keys have 32 or 64 bytes.
    static func decode(
        _ text: String, at node: ConfigNode, into config: inout Xray_Proxy_Vless_Inbound_Config
    ) throws {
        config.decryption = text
        guard text != "none" else { return }
        let parts = text.components(separatedBy: ".")
        guard parts.count >= 4, parts[0] == scheme, let mode = mode(parts[1]),
            let keys = keys(parts[3...], lengths: [32, 64])
        else { throw node.error("unknown decryption: \(text.quoted)") }
        let time = parts[2].hasSuffix("s") ? parts[2].dropLast() : parts[2][...]
        let ends = time.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int64($0) }
        guard let from = ends.first ?? nil, let to = ends.count > 1 ? ends[1] : 0 else {
            throw node.error("unknown decryption: \(text.quoted)")
        }
        config.xorMode = mode
        config.secondsFrom = from
        config.secondsTo = to
        (config.padding, config.decryption) = keys
    }

    /// The client's side, whose time is `1rtt` or `0rtt` and whose keys have 32 or 1184 bytes.
    static func decode(
        encryption text: String, at node: ConfigNode, into account: inout Xray_Proxy_Vless_Account
    ) throws {
        guard !text.isEmpty else { throw node.error("please add \"encryption\": \"none\" to the user") }
        account.encryption = text
        guard text != "none" else { return }
        let parts = text.components(separatedBy: ".")
        guard parts.count >= 4, parts[0] == scheme, let mode = mode(parts[1]), ["1rtt", "0rtt"].contains(parts[2]),
            let keys = keys(parts[3...], lengths: [32, 1184])
        else { throw node.error("unknown encryption: \(text.quoted)") }
        account.xorMode = mode
        account.seconds = parts[2] == "0rtt" ? 1 : 0
        (account.padding, account.encryption) = keys
    }

    private static func mode(_ text: String) -> UInt32? {
        switch text {
        case "native": 0
        case "xorpub": 1
        case "random": 2
        default: nil
        }
    }

    /// The short parts at the head are padding, the long ones keys in base64.
    private static func keys(_ parts: ArraySlice<String>, lengths: [Int]) -> (padding: String, keys: String)? {
        let padding = parts.prefix { $0.utf8.count < 20 }
        let keys = parts.dropFirst(padding.count)
        guard !keys.isEmpty else { return nil }
        for key in keys where key.utf8.count >= 20 {
            guard let data = Data(base64URL: key), lengths.contains(data.count) else { return nil }
        }
        return (padding.joined(separator: "."), keys.joined(separator: "."))
    }
}
