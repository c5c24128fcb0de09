// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation
import LuaRuntime

extension Library {
    private static let largestInput = 16 << 20

    /// `hash.sha256(text [, raw])` and its kin, `hash.hmac_sha256(key, text [, raw])`, `base64.encode`, `base64.decode`, `uuid()`.
    static func installHash(in state: LuaState) throws {
        try register("hash.sha256", in: state) { Array(SHA256.hash(data: $0)) }
        try register("hash.sha512", in: state) { Array(SHA512.hash(data: $0)) }
        try register("hash.sha1", in: state) { Array(Insecure.SHA1.hash(data: $0)) }
        try register("hash.md5", in: state) { Array(Insecure.MD5.hash(data: $0)) }
        try state.register("hash.hmac_sha256") { call in
            let key = SymmetricKey(data: try input(call, 1))
            push(
                Array(HMAC<SHA256>.authenticationCode(for: try input(call, 2), using: key)), raw: call.isTruthy(3), call
            )
            return 1
        }
        try state.register("base64.encode") { call in
            var text = Data(try input(call, 1)).base64EncodedString()
            if call.isTruthy(2) {
                text = text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            }
            call.push(text)
            return 1
        }
        try state.register("base64.decode") { call in
            let bytes = try input(call, 1)
            guard let decoded = decoded(base64: bytes) else { throw call.argumentError(1, "not base64") }
            call.push(bytes: decoded)
            return 1
        }
        try state.register("uuid") { call in
            call.push(UUID().uuidString.lowercased())
            return 1
        }
    }

    private static func register(
        _ name: String, in state: LuaState, _ digest: @escaping ([UInt8]) -> [UInt8]
    ) throws {
        try state.register(name) { call in
            push(digest(try input(call, 1)), raw: call.isTruthy(2), call)
            return 1
        }
    }

    private static func input(_ call: LuaCall, _ argument: Int) throws -> [UInt8] {
        let bytes = try call.bytes(argument) { Array($0) }
        guard bytes.count <= largestInput else {
            throw call.argumentError(argument, "longer than \(ByteSize.text(Int64(largestInput)))")
        }
        return bytes
    }

    private static func push(_ digest: [UInt8], raw: Bool, _ call: LuaCall) {
        if raw { return call.push(bytes: digest) }
        let digits = Array("0123456789abcdef".utf8)
        call.push(bytes: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// Both alphabets, with or without padding (RFC 4648).
    private static func decoded(base64 bytes: [UInt8]) -> [UInt8]? {
        var text = bytes.filter { !($0 == 0x0a || $0 == 0x0d) }.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        while text.last == UInt8(ascii: "=") { text.removeLast() }
        guard text.count % 4 != 1 else { return nil }
        text += [UInt8](repeating: UInt8(ascii: "="), count: (4 - text.count % 4) % 4)
        return Data(base64Encoded: Data(text)).map(Array.init)
    }
}

extension Library {
    static let hashReference: [LibraryEntry] =
        [("sha256", "SHA-256"), ("sha512", "SHA-512"), ("sha1", "SHA-1"), ("md5", "MD5")].map { name, title in
            LibraryEntry(
                "hash.\(name)", "hash.\(name)(text [, raw]) -> string",
                "The \(title) of a string in hexadecimal digits; its bytes if `raw` is true.")
        } + [
            LibraryEntry(
                "hash.hmac_sha256", "hash.hmac_sha256(key, text [, raw]) -> string",
                "The HMAC-SHA-256 of a text under a key, in hexadecimal digits; its bytes if `raw` is true.",
                example: #"local signature = hash.hmac_sha256(settings.secret, body)"#),
            LibraryEntry(
                "base64.encode", "base64.encode(text [, url]) -> string",
                "A string in base64; with `url` true in the alphabet for addresses, without padding."),
            LibraryEntry(
                "base64.decode", "base64.decode(text) -> string",
                "The string of a base64 text of either alphabet, with or without padding."),
            LibraryEntry("uuid", "uuid() -> string", "A new random id for a user.", example: "local id = uuid()"),
        ]
}
